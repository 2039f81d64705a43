"""Train all replicates of one model and write its outputs."""

from contextlib import ExitStack

import torch
from torch import nn

from friendfoe import __version__, params, runtime
from friendfoe.data.store import Split, load_images, load_split
from friendfoe.models.predict import predict
from friendfoe.models.registry import Header, build, save
from friendfoe.runtime import paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.training import methods
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.curves import Curves
from friendfoe.training.images import TrainingImages
from friendfoe.training.loop import Row, train
from friendfoe.training.processes import join


def keys(data: str, model: str) -> list[str]:
    """The params that training a model on a data set depends on."""
    return [f"data.{data}.{key}" for key in ("replicates", "seed", "network", "training")] + [f"models.{model}"]


def train_model(p: params.Params, data: str, model: str) -> None:
    """Train every replicate of `model` on `data`; write weights, training curves and metrics.

    Replicates differ in their seed alone: of the initial weights, of the order of the images and of the share of them
    that the recipe takes. Two models that take the same share take the same images in the same replicate.

    Raises:
        UserError: an input is missing or damaged, or the loss is no longer finite.
    """
    processes = join(runtime.device())
    settings, budget = p.data[data], params.training(p, data, model)
    split, test = load_split(paths.prepared(data), "train"), load_split(paths.prepared(data), "test")
    weights, curve = paths.model(data, model), paths.curve(data, model)
    curves = Curves(curve if processes.first else None)

    def replicate(number: int, send: Send) -> Checkpoint:
        header = Header(
            friendfoe=__version__,
            data=split.sha256,
            shape=split.shape,
            classes=split.classes,
            network=params.network(p, data, model),
            recipe=p.models[model].model_dump(),
            training=budget.model_dump(),
            seed=runtime.seed(settings.seed, data, model, number),
        )
        images = training_images(p, data, model, split, number)
        network = _fresh(header, split).to(images.device)
        checkpoint = Checkpoint(header.model_dump_json(), images.sha256())
        train(
            network,
            images,
            methods.objective(p, data, model, number),
            budget,
            base_seed=header.seed,
            checkpoint=checkpoint,
            evaluate=lambda network: _accuracy(network, test),
            on_epoch=send,
            processes=processes,
        )
        if processes.first:
            save(network, paths.replicate(partial, number), header)
        return checkpoint

    import torch._dynamo  # noqa: F401  (the optimisers import it at their first step: once here, not in every child)

    with ExitStack() as files:
        if processes.first:
            files.enter_context(outputs(weights, curve, curve.with_suffix(".json")))
            partial = files.enter_context(atomic_directory(weights))
        with progress(f"{model} on {data}", settings.replicates * budget.epochs) as advance:

            def listen(number: int, history: list[Row]) -> None:
                curves.update(number, history)
                advance(1)

            checkpoints = each_replicate(replicate, settings.replicates, listen)
        curves.write()
        processes.end()
    for checkpoint in checkpoints:
        checkpoint.remove()


def training_images(p: params.Params, data: str, model: str, split: Split, replicate: int) -> TrainingImages:
    """The images that a replicate of a model is trained on.

    Raises:
        UserError: a perturbed set is missing or damaged, or is not one of these images.
    """
    copies = [
        split.images
        if name == "train"
        else load_images(paths.replicate(paths.perturbed(data, name), replicate), like=split)
        for name in p.models[model].images
    ]
    # not the model's name: models that are compared with one another take the same images
    order_seed = runtime.seed(p.data[data].seed, data, "share", replicate)
    return TrainingImages(copies, split.labels, p.models[model].share, order_seed, runtime.device())


def _fresh(header: Header, split: Split) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(header.seed)
        network = build(header.network, split.shape, len(split.classes), split.mean, split.std)
    return network.to(memory_format=torch.channels_last)


def _accuracy(network: nn.Module, test: Split) -> float:
    return (predict(network, test.images).argmax(1).cpu() == test.labels).float().mean().item()
