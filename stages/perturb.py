"""Craft a perturbed set: every image of a split, assisted or attacked."""

from friendfoe import cli, params, paths, runtime
from friendfoe.crafting import crafted
from friendfoe.data.store import load_split, write_images
from friendfoe.files import atomic_directory
from friendfoe.models.registry import load
from friendfoe.outputs import outputs


def main(data: str, name: str) -> None:
    """Craft the perturbed set NAME of DATA; replicate r is crafted on replicate r of the set's source model."""
    wanted = params.load(f"sets.{name}").sets[name]
    of_data = [f"data.{data}.{key}" for key in ("eps", "replicates", "seed")]
    p = params.load(*of_data, f"conditions.{wanted.condition}")
    settings = p.data[data]
    split = load_split(paths.prepared(data), wanted.images)
    directory = paths.perturbed(data, name)
    with outputs(directory), atomic_directory(directory) as partial:
        for replicate in range(settings.replicates):
            source = load(paths.replicate(paths.model(data, wanted.source), replicate)).to(runtime.device())
            seed = runtime.seed(settings.seed, data, "craft", wanted.condition, replicate)
            batches = crafted(
                p.conditions[wanted.condition], source, split.images, split.labels, eps=settings.eps, seed=seed
            )
            write_images(paths.replicate(partial, replicate), (stored for _, stored in batches))


if __name__ == "__main__":
    cli.run(main)
