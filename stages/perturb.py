"""Craft a perturbed set: every image of a split, assisted or attacked."""

from collections import deque

from friendfoe import runtime
from friendfoe.attacks.craft import crafted
from friendfoe.data.device import choose_device
from friendfoe.data.store import load_split, write_images
from friendfoe.models.weights import load
from friendfoe.runtime import cli, jobs, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.forks import Send
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.processes import divided, join
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import each_replicate
from friendfoe.studies.job import PerturbJob


def main(data: str, study: str, name: str) -> None:
    """Craft the perturbed set NAME of STUDY on DATA; replicate r is crafted on replicate r of the source."""
    choose_device(data)
    job = jobs.read(PerturbJob, data, study, name)
    split = load_split(paths.prepared(data), job.split)
    directory = paths.perturbed(data, study, job.split, name)
    source = paths.model(data, *job.source.split("/", 1))

    def replicate(number: int, send: Send) -> None:
        network = load(paths.replicate(source, number)).to(runtime.device())
        seed = runtime.crafting_seed(job.seed, data, number)
        processes = join(runtime.device())
        with divided(processes):
            batches = crafted(job.attack, network, split.images, split.labels, eps=job.eps, seed=seed)
            if processes.first:
                write_images(paths.replicate(partial, number), (stored for _, stored in batches))
            else:
                deque(batches, maxlen=0)
        send(None)

    with (
        outputs(directory),
        atomic_directory(directory) as partial,
        progress(f"{name} of {data}", job.replicates) as advance,
    ):
        each_replicate(replicate, job.replicates, lambda *_: advance(1), together=True)


if __name__ == "__main__":
    cli.run(main)
