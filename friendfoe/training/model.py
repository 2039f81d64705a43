"""Train all replicates of one model, and of its variants, and write its outputs."""

import csv
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from friendfoe import runtime
from friendfoe.data.store import load_split
from friendfoe.models.weights import save
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory, atomic_path
from friendfoe.runtime.forks import Send
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.processes import join
from friendfoe.runtime.progress import NOTE, progress, step
from friendfoe.runtime.provenance import origin
from friendfoe.runtime.replicates import each_replicate
from friendfoe.training.augmentation import import_for
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.job import Job
from friendfoe.training.loop import EpochMetrics
from friendfoe.training.replicate import TrainedReplicate, accuracy, train_replicate

SECONDS = 2.0  # between two writes of curves: short epochs are not to spend their time on the disk


class Curves:
    """Training curves on the disk while training goes on.

    Those of all replicates: `path` as TSV, a row per replicate and epoch, and the last ones' means as JSON.

    Args:
        path: the TSV file; the JSON file stands beside it. None: write nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.curves: dict[int, list[EpochMetrics]] = {}
        self.last = 0.0

    def update(self, replicate: int, history: list[EpochMetrics]) -> int:
        """Take over the curve of a replicate so far, and write it unless that was done a moment ago; its new epochs."""
        new = len(history) - len(self.curves.get(replicate, ()))
        self.curves[replicate] = history
        if time.monotonic() - self.last >= SECONDS:
            self.write()
        return new

    def write(self) -> None:
        """Write the curves."""
        self.last = time.monotonic()
        if self.path is None:
            return
        rows = [{"replicate": number, **row} for number, curve in sorted(self.curves.items()) for row in curve]
        with atomic_path(self.path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)


@dataclass
class Run:
    """One variant while it is trained: where its weights are written to, its curves, and for how long it is trained."""

    job: Job
    folder: Path
    curves: Curves
    epochs: int | None = None


def train_model(job: Job) -> None:
    """Train every replicate of a job, and of all its variants; write weights and training curves.

    Replicates differ in their seed alone: of the initial weights, of the order of the images and of the share of them
    that the job takes. Two models that take the same share take the same images in the same replicate. Where the budget
    holds images out and retrains, replicate 0 finds the number of epochs for all. A run that is killed goes on from its
    checkpoints, which are kept until all variants are trained.

    Raises:
        UserError: an input is missing or damaged, there is only one class, or the loss is no longer finite.
    """
    processes, provenance = join(runtime.device()), origin()
    split, test = load_split(paths.prepared(job.data), "train"), load_split(paths.prepared(job.data), "test")
    if len(split.classes) < 2:
        raise UserError(f"{job.data} has a single class, {split.classes[0]}: there is nothing to tell apart")
    checkpoints: list[Checkpoint] = []

    def replicate(task: int, send: Send) -> Checkpoint:
        run, number = tasks[task]
        trained = train_replicate(
            run.job,
            split,
            number,
            evaluate=lambda network: accuracy(network, test.images, test.labels),
            on_epoch=send,
            epochs=run.epochs,
            processes=(processes := join(runtime.device())),
            provenance=provenance,
        )
        if processes.first:
            if trained.selection:
                save(trained.last(), paths.last(run.folder, number), trained.header)
                _report_collapse(trained, f"{run.job.name} on {job.data}, replicate {number}")
            save(trained.best(), paths.replicate(run.folder, number), trained.header)
            seconds = trained.header.provenance["wall_seconds"]
            step(f"{run.job.name}: replicate {number + 1} of {job.replicates} trained in {seconds:.1f} s")
        return trained.checkpoint

    def search(job: Job, number: int, send: Send) -> tuple[int, Checkpoint]:
        trained = train_replicate(job, split, number, processes=join(runtime.device()))
        assert trained.selection
        return trained.selection.epoch + 1, trained.checkpoint

    with ExitStack() as files:
        runs = [_begin(variant, files, first=processes.first) for variant in job.each()]
        for run in runs:
            if run.job.training.validation and run.job.training.validation.retrain:
                [(run.epochs, checkpoint)] = each_replicate(partial(search, run.job), 1, together=True)
                checkpoints.append(checkpoint)
        for run in runs:
            import_for([run.job.training.augmentation, *run.job.method.augmentations])
        # side by side whatever the variant; the largest, which come last, first
        tasks = [(run, number) for run in reversed(runs) for number in range(job.replicates)]
        total = job.replicates * sum(run.job.training.epochs for run in runs)
        with progress(f"{job.name} on {job.data}", total) as advance:

            def listen(task: int, history: list[EpochMetrics]) -> None:
                run, number = tasks[task]
                advance(run.curves.update(number, history))

            checkpoints += each_replicate(replicate, len(tasks), listen, together=True)
        for run in runs:
            run.curves.write()
    processes.wait()
    for run in runs:
        run.job.method.finish(run.job)
    for checkpoint in checkpoints:
        checkpoint.remove()


def _begin(job: Job, files: ExitStack, *, first: bool) -> Run:
    """Open the outputs of a variant, there whole or not at all; only the first of several processes writes them."""
    weights, curve = paths.model(job.data, job.study, job.name), paths.curve(job.data, job.study, job.name)
    if not first:
        return Run(job, weights, Curves(None))
    files.enter_context(outputs(weights, curve))
    return Run(job, files.enter_context(atomic_directory(weights)), Curves(curve))


def _report_collapse(trained: TrainedReplicate, name: str) -> None:
    """Say it where a network has lost its robustness."""
    selection = trained.selection
    if selection and selection.collapsed:
        print(
            f"{NOTE}{name}: its robustness has collapsed; training was stopped, and the weights of epoch "
            f"{selection.epoch + 1} are kept (accuracy {selection.best:.3f} on attacked held-out images)",
            file=sys.stderr,
            flush=True,
        )
