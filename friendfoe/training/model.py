"""Train all replicates of one model and write its outputs: what the training stages share."""

import csv
import json
import time
from pathlib import Path

import torch
from torch import nn

from friendfoe import __version__, params, paths, runtime
from friendfoe.data.store import Split, load_images, load_split
from friendfoe.files import atomic_directory, atomic_path
from friendfoe.models.registry import Header, build, save
from friendfoe.outputs import outputs
from friendfoe.progress import progress
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.images import TrainingImages
from friendfoe.training.loop import Row, train
from friendfoe.training.objectives import Objective
from friendfoe.training.processes import Processes, join


def keys(data: str, model: str) -> list[str]:
    """The params that training a model on a data set depends on."""
    return [f"data.{data}.{key}" for key in ("replicates", "seed", "network", "training")] + [f"models.{model}"]


def train_model(p: params.Params, data: str, model: str, objective: Objective) -> None:
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
    live = _Live(curve, processes)
    checkpoints: list[Checkpoint] = []
    with outputs(weights, curve, curve.with_suffix(".json")), atomic_directory(weights) as partial:
        for replicate in range(settings.replicates):
            seed = runtime.seed(settings.seed, data, model, replicate)
            images = training_images(p, data, model, split, replicate)
            header = Header(
                friendfoe=__version__,
                data=split.sha256,
                shape=split.shape,
                classes=split.classes,
                network=params.network(p, data, model),
                recipe=p.models[model].model_dump(),
                training=budget.model_dump(),
                seed=seed,
            )
            network = _fresh(header, split).to(images.device)
            checkpoints.append(Checkpoint(header.model_dump_json(), images.sha256()))
            steps = budget.epochs * max(1, len(images) // budget.batch)
            with progress(f"{model} on {data}, replicate {replicate + 1} of {settings.replicates}", steps) as advance:
                history = train(
                    network,
                    images,
                    objective,
                    budget,
                    base_seed=seed,
                    checkpoint=checkpoints[-1],
                    evaluate=lambda network: _accuracy(network, test),
                    on_step=advance,
                    on_epoch=live.update,
                    processes=processes,
                )
            live.end_replicate(history)
            if processes.first:
                save(network, paths.replicate(partial, replicate), header)
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
    from friendfoe.models.predict import predict

    return (predict(network, test.images).argmax(1).cpu() == test.labels).float().mean().item()


class _Live:
    """The training curves of all replicates so far, on the disk while training goes on."""

    SECONDS = 2.0  # between two writes: short epochs are not to spend their time on the disk

    def __init__(self, path: Path, processes: Processes) -> None:
        self.path = path
        self.processes = processes
        self.ended: list[list[Row]] = []
        self.last = 0.0

    def update(self, history: list[Row]) -> None:
        """Write the curve of the replicate that is being trained, unless that was done a moment ago."""
        if time.monotonic() - self.last >= self.SECONDS:
            self._write([*self.ended, history])

    def end_replicate(self, history: list[Row]) -> None:
        """Write the whole curve of a replicate."""
        self.ended.append(history)
        self._write(self.ended)

    def _write(self, curves: list[list[Row]]) -> None:
        self.last = time.monotonic()
        if not self.processes.first:
            return
        rows = [{"replicate": number, **row} for number, history in enumerate(curves) for row in history]
        with atomic_path(self.path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
        last = [history[-1] for history in curves]
        metrics = {key: sum(row[key] for row in last) / len(last) for key in last[0]}
        with atomic_path(self.path.with_suffix(".json")) as partial:
            partial.write_text(json.dumps(metrics, indent=2) + "\n")
