"""A model that is given: its weights were trained elsewhere, and are taken over as if they had been trained here."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from itertools import count, takewhile
from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Split, load_split
from friendfoe.models.classifier import build
from friendfoe.models.foreign import fit, read_state
from friendfoe.models.networks.exported import ExportedConfig
from friendfoe.models.networks.imported import ImportedConfig
from friendfoe.models.normalisation import normalisation
from friendfoe.models.weights import save
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError, first_line
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.provenance import origin
from friendfoe.training.job import REPLICATE, Job, MethodConfig
from friendfoe.training.model import Curves
from friendfoe.training.replicate import accuracy, header_of

SHOWN = 64  # images that a network is shown before it is taken over


class GivenConfig(MethodConfig):
    """Weights from elsewhere: safetensors, or a state dict in a .pt or .pth file; one for all replicates, or for each.

    What one file gives is one network: intervals know of the images alone, and verdicts on it have to wait for more.
    """

    method: Literal["given"]
    weights: str | None = Field(
        default=None,
        description="a file in own/, with {replicate} (0, 1, ...) in its name where each has one; null: the network "
        "brings its own",
    )
    key: str | None = Field(default=None, description="of a checkpoint with several networks, the one to take")
    normalise: str = Field(
        default="none", description="of pixels in [0, 1]: none, imagenet, cifar10, half, or MEAN,.../STD,..."
    )

    trained: ClassVar[bool] = False

    @field_validator("weights")
    @classmethod
    def _lies_in_own(cls, weights: str | None) -> str | None:
        if weights is not None and (Path(weights).parts[:1] != paths.OWN.parts or ".." in Path(weights).parts):
            raise ValueError(f"must be a file in {paths.OWN}/, where the pipeline sees when it changes")
        return weights

    @field_validator("normalise")
    @classmethod
    def _is_known(cls, normalise: str) -> str:
        normalisation(normalise)
        return normalise

    @property
    def single(self) -> bool:
        """Whether all replicates are one network."""
        return self.weights is None or REPLICATE not in self.weights

    @property
    def files(self) -> list[Path]:
        """Those of the weights that are there."""
        every = map(self.file, range(1) if self.single else count())
        return [file for file in takewhile(_is_file, every) if file is not None]

    def file(self, number: int) -> Path | None:
        """That of a replicate; None where the network brings its weights."""
        return None if self.weights is None else paths.own(self.weights.replace(REPLICATE, str(number)))

    def check(self, job: Job, jobs: Mapping[str, Job]) -> None:
        """Refuse files that are missing, or hold no weights."""
        if self.weights is None and not isinstance(job.network, ImportedConfig | ExportedConfig):
            raise ValueError(f"weights: name a file in {paths.OWN}/; a fresh {job.network.describe()} has random ones")
        try:
            for number in self._numbers(job):
                if (file := self.file(number)) is not None:
                    read_state(file, self.key)
        except UserError as error:
            raise ValueError(str(error)) from None

    def check_images(self, job: Job) -> None:
        """Refuse weights of another network, and networks that do not take the images or tell their classes apart."""
        try:
            test = load_split(paths.prepared(job.data), "test")
            for number in self._numbers(job):
                taken_over(job, self, test, number)
        except UserError as error:
            raise ValueError(f"{error} (by the images in {paths.prepared(job.data)})") from None

    def _numbers(self, job: Job) -> range:
        """Of the networks that there are."""
        return range(1 if self.single else job.replicates)

    def take_over(self, job: Job) -> None:
        """Write the weights, and a curve of a single row: what they answer."""
        train, test = (load_split(paths.prepared(job.data), name) for name in ("train", "test"))
        some = train.some(len(test))
        folder, curve = paths.model(job.data, job.study, job.name), paths.curve(job.data, job.study, job.name)
        curves = Curves(curve)
        with outputs(folder, curve), atomic_directory(folder) as partial:
            for number in range(job.replicates):
                if number == 0 or not self.single:
                    network, file = taken_over(job, self, test, number).to(runtime.device()), self.file(number)
                    right = {
                        "accuracy": accuracy(network, train.images[some], train.labels[some]),
                        "test_accuracy": accuracy(network, test.images, test.labels),
                    }
                    if job.training.held_out:
                        right["validation_accuracy"] = right["accuracy"]
                    _warn(job, right["test_accuracy"], len(test.classes))
                    header = header_of(job, train, job.seed, {**origin(), **_source(file)})
                save(network, paths.replicate(partial, number), header)
                if job.training.held_out:  # an epoch would be chosen: it is the last one, too
                    save(network, paths.last(partial, number), header)
                curves.curves[number] = [{"epoch": 0.0, "step": 0.0, **right}]
            curves.write()


def taken_over(job: Job, method: GivenConfig, split: Split, number: int) -> nn.Module:
    """The network of a replicate with its weights, in eval mode, after it was shown some of the images.

    Raises:
        UserError: its file is missing, damaged or another network's; or it does not take these images, or does not tell
            these classes apart.
    """
    mean, std = normalisation(method.normalise) or (None, None)
    network = build(job.network, split.shape, len(split.classes), mean, std)
    if (file := method.file(number)) is not None:
        state = read_state(file, method.key)
        ours = {"0.mean", "0.std"} <= state.keys()  # a file that friendfoe has written has its normalisation in it
        fit(network if ours else network[1], state, file)
    network.eval()
    name, classes = file or job.network.describe(), len(split.classes)
    images = to_float(split.images[split.some(SHOWN)])
    try:
        with torch.no_grad():
            logits = network(images)
    except Exception as error:  # whatever people's code raises
        size = "×".join(map(str, split.shape))
        raise UserError(f"{name} cannot be shown the images of {job.data}, {size}: {first_line(error)}") from error
    if not isinstance(logits, Tensor) or not logits.is_floating_point() or logits.shape != (len(images), classes):
        given = f"{logits.dtype} {list(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise UserError(
            f"{name} gives {given} for {len(images)} images of {job.data}; it has to give the logits of its {classes} "
            f"classes, [{len(images)}, {classes}]"
        )
    if not bool(logits.isfinite().all()):
        raise UserError(f"{name} gives logits that are not finite on images of {job.data}; look for overflows in it")
    return network


def _is_file(path: Path | None) -> bool:
    return path is not None and path.is_file()


def _source(file: Path | None) -> dict[str, str]:
    """The file that weights come from, for their header."""
    return {} if file is None else {"file": str(file), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def _warn(job: Job, right: float, classes: int) -> None:
    """Say it where a network answers hardly better than by guessing, which is seldom what people give."""
    if right < 1.5 / classes:
        print(
            f"{job.name} on {job.data}: {right:.3f} of the test images are right, near chance: the images may be "
            "normalised otherwise, or the classes be in another order; `friendfoe evaluate` says which",
            file=sys.stderr,
            flush=True,
        )
