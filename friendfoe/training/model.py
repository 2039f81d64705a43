"""Train all replicates of one model, and of its variants, and write its outputs."""

import sys
from contextlib import ExitStack

import torch

from friendfoe import runtime
from friendfoe.data.store import load_split
from friendfoe.models.weights import save
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.progress import progress
from friendfoe.runtime.provenance import origin
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.curves import Curves
from friendfoe.training.job import Job
from friendfoe.training.loop import EpochRow
from friendfoe.training.processes import join
from friendfoe.training.replicate import TrainedReplicate, accuracy, train_replicate


def train_model(job: Job) -> None:
    """Train every replicate of a job, and of all its variants; write weights, training curves and metrics.

    A run that is killed goes on from its checkpoints, which are kept until all variants are trained.

    Raises:
        UserError: an input is missing or damaged, there is only one class, or the loss is no longer finite.
    """
    for checkpoint in [checkpoint for variant in job.each() for checkpoint in _train(variant)]:
        checkpoint.remove()
    job.method.finish(job)


def _train(job: Job) -> list[Checkpoint]:
    """Train every replicate of one variant; its checkpoints, to be removed.

    Replicates differ in their seed alone: of the initial weights, of the order of the images and of the share of them
    that the job takes. Two models that take the same share take the same images in the same replicate. Where the budget
    holds images out and retrains, replicate 0 finds the number of epochs for all.
    """
    processes = join(runtime.device())
    split, test = (load_split(paths.prepared(job.data), name) for name in ("train", "test"))
    if len(split.classes) < 2:
        raise UserError(f"{job.data} has a single class, {split.classes[0]}: there is nothing to tell apart")
    weights, curve = paths.model(job.data, job.study, job.name), paths.curve(job.data, job.study, job.name)
    curves = Curves(curve if processes.first else None)
    provenance = origin()

    def replicate(number: int, send: Send) -> Checkpoint:
        trained = train_replicate(
            job,
            split,
            number,
            evaluate=lambda network: accuracy(network, test.images, test.labels),
            on_epoch=send,
            epochs=epochs,
            processes=processes,
            provenance=provenance,
        )
        if processes.first:
            if trained.selection:
                save(trained.last(), paths.last(partial, number), trained.header)
                _report_collapse(trained, f"{job.name} on {job.data}, replicate {number}")
            save(trained.best(), paths.replicate(partial, number), trained.header)
        return trained.checkpoint

    with ExitStack() as files:
        if processes.first:
            files.enter_context(outputs(weights, curve, curve.with_suffix(".json")))
            partial = files.enter_context(atomic_directory(weights))
        with progress(f"{job.name} on {job.data}", job.replicates * job.training.epochs) as advance:

            def listen(number: int, history: list[EpochRow]) -> None:
                curves.update(number, history)
                advance(1)

            checkpoints: list[Checkpoint] = []
            epochs = None
            if job.training.validation and job.training.validation.retrain:
                torch.set_num_threads(1)  # as in replicates: what is found does not depend on the number of cores
                search = train_replicate(job, split, 0, processes=processes)
                assert search.selection
                epochs, checkpoints = search.selection.epoch + 1, [search.checkpoint]
            checkpoints += each_replicate(replicate, job.replicates, listen)
        curves.write()
    processes.wait()
    return checkpoints


def _report_collapse(trained: TrainedReplicate, name: str) -> None:
    """Say it where a network has lost its robustness."""
    selection = trained.selection
    if selection and selection.collapsed:
        print(
            f"{name}: its robustness has collapsed; training was stopped, and the weights of epoch "
            f"{selection.epoch + 1} are kept (accuracy {selection.best:.3f} on attacked held-out images)",
            file=sys.stderr,
            flush=True,
        )
