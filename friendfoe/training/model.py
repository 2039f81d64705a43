"""Train all replicates of one model, and of its variants, and write its outputs."""

import sys
from contextlib import ExitStack

import torch

from friendfoe import params, runtime
from friendfoe.data.store import load_split
from friendfoe.models.registry import save
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.curves import Curves
from friendfoe.training.loop import Row
from friendfoe.training.processes import join
from friendfoe.training.replicate import Trained, accuracy, train_replicate
from friendfoe.training.variants import variants


def keys(data: str, model: str) -> list[str]:
    """The params that training a model on a data set depends on."""
    p = params.load(f"models.{model}")
    recipe, of_data = p.models[model], ["replicates", "seed", "network", "training"]
    if recipe.study is not None:
        of_data.append(f"studies.{recipe.study}")
    elif recipe.conditions:
        of_data.append("eps")
    return [
        *(f"data.{data}.{key}" for key in of_data),
        *(f"models.{name}" for name in (model, *recipe.needs)),
        *(f"conditions.{condition}" for condition in recipe.conditions),
    ]


def train_model(p: params.Params, data: str, model: str) -> None:
    """Train every replicate of `model` on `data`, and of all its variants; write weights, training curves and metrics.

    A run that is killed goes on from its checkpoints, which are kept until all variants are trained.

    Raises:
        UserError: an input is missing or damaged, there is only one class, or the loss is no longer finite.
    """
    derived, names = variants(p, data, model)
    for checkpoint in [checkpoint for name in names for checkpoint in _train(derived, data, name)]:
        checkpoint.remove()


def _train(p: params.Params, data: str, model: str) -> list[Checkpoint]:
    """Train every replicate of one variant; its checkpoints, to be removed.

    Replicates differ in their seed alone: of the initial weights, of the order of the images and of the share of them
    that the recipe takes. Two models that take the same share take the same images in the same replicate. Where the
    budget holds images out and retrains, replicate 0 finds the number of epochs for all.
    """
    processes = join(runtime.device())
    budget = params.training(p, data, model)
    replicates = params.replicates(p, data, params.study_of(p, model))
    split, test = load_split(paths.prepared(data), "train"), load_split(paths.prepared(data), "test")
    if len(split.classes) < 2:
        raise UserError(f"{data} has a single class, {split.classes[0]}: there is nothing to tell apart")
    weights, curve = paths.model(data, model), paths.curve(data, model)
    curves = Curves(curve if processes.first else None)

    def replicate(number: int, send: Send) -> Checkpoint:
        trained = train_replicate(
            p,
            data,
            model,
            split,
            number,
            evaluate=lambda network: accuracy(network, test.images, test.labels),
            on_epoch=send,
            epochs=epochs,
            processes=processes,
        )
        if processes.first:
            if trained.selection:
                save(trained.last(), paths.last(partial, number), trained.header)
                _report(trained, f"{model} on {data}, replicate {number}")
            save(trained.best(), paths.replicate(partial, number), trained.header)
        return trained.checkpoint

    with ExitStack() as files:
        if processes.first:
            files.enter_context(outputs(weights, curve, curve.with_suffix(".json")))
            partial = files.enter_context(atomic_directory(weights))
        with progress(f"{model} on {data}", replicates * budget.epochs) as advance:

            def listen(number: int, history: list[Row]) -> None:
                curves.update(number, history)
                advance(1)

            checkpoints: list[Checkpoint] = []
            epochs = None
            if budget.validation and budget.validation.retrain:
                torch.set_num_threads(1)  # as in replicates: what is found does not depend on the number of cores
                search = train_replicate(p, data, model, split, 0, processes=processes)
                assert search.selection
                epochs, checkpoints = search.selection.epoch + 1, [search.checkpoint]
            checkpoints += each_replicate(replicate, replicates, listen)
        curves.write()
    processes.wait()
    return checkpoints


def _report(trained: Trained, which: str) -> None:
    """Say it where a network has lost its robustness."""
    selection = trained.selection
    if selection and selection.collapsed:
        print(
            f"{which}: its robustness has collapsed; training was stopped, and the weights of epoch "
            f"{selection.epoch + 1} are kept (accuracy {selection.best:.3f} on attacked held-out images)",
            file=sys.stderr,
            flush=True,
        )
