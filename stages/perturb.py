"""Craft a perturbed set: every image of a split, assisted or attacked."""

from friendfoe import params, runtime
from friendfoe.attacks.crafting import crafted
from friendfoe.data.store import load_split, write_images
from friendfoe.models.registry import load
from friendfoe.runtime import cli, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate


def main(data: str, name: str) -> None:
    """Craft the perturbed set NAME of DATA; replicate r is crafted on replicate r of the set's source model."""
    wanted = params.load(f"sets.{name}").sets[name]
    of_data = [f"data.{data}.{key}" for key in ("eps", "replicates", "seed")]
    p = params.load(*of_data, f"conditions.{wanted.condition}")
    settings = p.data[data]
    split = load_split(paths.prepared(data), wanted.images)
    directory = paths.perturbed(data, name)

    def replicate(number: int, send: Send) -> None:
        source = load(paths.replicate(paths.model(data, wanted.source), number)).to(runtime.device())
        seed = runtime.seed(settings.seed, data, "craft", wanted.condition, number)
        batches = crafted(
            p.conditions[wanted.condition], source, split.images, split.labels, eps=settings.eps, seed=seed
        )
        write_images(paths.replicate(partial, number), (stored for _, stored in batches))
        send(None)

    title = f"{name} of {data}"
    with (
        outputs(directory),
        atomic_directory(directory) as partial,
        progress(title, settings.replicates) as advance,
    ):
        each_replicate(replicate, settings.replicates, lambda *_: advance(1))


if __name__ == "__main__":
    cli.run(main)
