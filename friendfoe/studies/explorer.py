"""What the explorer of a page shows: some test images, perturbed in several ways, and what networks answer on them.

The images are the first of each class, so that nobody has chosen them for their looks, and the networks are replicate 0
of their models. All is as a file with 8 bits holds it: answers are those on the images that are shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.attacks.config import AttackConfig, GradientConfig, LoopConfig
from friendfoe.attacks.craft import craft
from friendfoe.attacks.threat import Goal
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.data.store import Split
from friendfoe.models.predict import predict
from friendfoe.models.weights import load
from friendfoe.runtime import crafting_seed, paths
from friendfoe.studies.analysis import side_by_side
from friendfoe.studies.inputs import Inputs
from friendfoe.studies.job import WithExplorer

E = TypeVar("E", bound=WithExplorer)

CLASSES = 20  # at most
VALUES = 1_500_000  # of all pictures together, so that a page stays small
FILE = "explorer.npz"


@dataclass(frozen=True)
class Shown:
    """The images that are perturbed."""

    pixels: Tensor  # uint8 [n, C, H, W]
    labels: Tensor  # int64 [n]
    rows: Tensor  # int64 [n], their places among the test images that the study looks at


@dataclass(frozen=True)
class Perturbation:
    """A way of perturbing images, in several sizes.

    Attributes:
        attack: what it is called; a friend and a foe of one name are shown beside one another.
        goal: "friend", "foe", or "neither".
        sizes: ascending.
        perturb: gives the images as uint8 [n, C, H, W], from a network and a size.
    """

    attack: str
    goal: str
    sizes: tuple[float, ...]
    perturb: Callable[[nn.Module, Shown, float], Tensor]


@dataclass(frozen=True)
class Choice:
    """What can be chosen from."""

    classes: list[int]
    images: int  # of each class
    models: list[str]
    perturbations: list[Perturbation]

    @property
    def pictures(self) -> int:
        """How many there are of all."""
        perturbed = sum(len(perturbation.sizes) for perturbation in self.perturbations) * len(self.models)
        return len(self.classes) * self.images * (1 + perturbed)

    def smaller(self) -> "Choice":
        """The same with less of what is missed least; itself where a single image is shown in one way."""
        if self.images > 1:
            return replace(self, images=1)
        if any(len(one.sizes) > 1 for one in self.perturbations):
            return replace(self, perturbations=[replace(one, sizes=one.sizes[-1:]) for one in self.perturbations])
        if len(self.models) > 1:
            return replace(self, models=self.models[: len(self.models) // 2])
        first = [one for one in self.perturbations if one.attack == self.perturbations[0].attack]
        if len(first) < len(self.perturbations):
            return replace(self, perturbations=first)
        return replace(self, classes=self.classes[: -(-len(self.classes) // 2)])

    def fitted(self, values: int) -> "Choice":
        """As much of it as may be shown where a picture has so many values."""
        choice = self
        while choice.pictures * values > VALUES and (smaller := choice.smaller()) != choice:
            choice = smaller
        return choice


def write_explorer(
    study: Inputs[E], out: Path, models: Sequence[str], perturbations: Sequence[Perturbation] | None = None
) -> None:
    """Write explorer.npz into `out`: images of the first `CLASSES` classes that have any, perturbed on the models.

    Without perturbations they are those of `explored`. Models that are given stand behind the others.

    It holds for n images, M models, and E sizes of a perturbation:

        models, classes: names, [M], and of the labels
        images, labels: uint8 [n, C, H, W], int64 [n]
        probabilities: float32 [M, n, K], on these
        ATTACK/GOAL/sizes: float64 [E]
        ATTACK/GOAL/images: uint8 [M, E, n, C, H, W]
        ATTACK/GOAL/probabilities: float32 [M, E, n, K]
    """
    test = study.test
    ways = explored(study) if perturbations is None else perturbations
    names = [*dict.fromkeys([*models, *(study.job.given or ())])]
    classes = sorted(set(test.labels.tolist()))[:CLASSES]
    choice = Choice(classes, study.settings.explorer.images, names, [*ways]).fitted(prod(test.shape))
    shown = _first(test, choice)

    def of_model(number: int, step: Callable[[], None]) -> dict[str, Tensor]:
        network = study.network(choice.models[number], 0)
        parts = {"probabilities": predict(network, shown.pixels).cpu()}
        for way in choice.perturbations:
            pictures = torch.stack([way.perturb(network, shown, size) for size in way.sizes])
            answers = predict(network, pictures.flatten(0, 1)).cpu()
            parts[f"{_key(way)}/images"] = pictures
            parts[f"{_key(way)}/probabilities"] = answers.view(*pictures.shape[:2], -1)
            step()
        return parts

    found = side_by_side(
        f"images of {study.data} to look through", len(choice.models), of_model, len(choice.perturbations)
    )
    arrays: dict[str, Any] = {
        "models": np.array(choice.models),
        "classes": np.array(test.classes),
        "images": shown.pixels.numpy(),
        "labels": shown.labels.numpy(),
        **{f"{_key(way)}/sizes": np.array(way.sizes) for way in choice.perturbations},
        **{name: torch.stack([parts[name] for parts in found]).numpy() for name in found[0]},
    }
    np.savez_compressed(out / FILE, **arrays)


def _key(way: Perturbation) -> str:
    return f"{way.attack}/{way.goal}"


def explored(study: Inputs[E]) -> list[Perturbation]:
    """The attacks of the evaluations that the settings name (`WithExplorer.explored`), as foe and as friend.

    At the whole size they give the images that the evaluations have counted. Those of
    hundreds of steps, which follow no gradient or not alone, have this size alone.
    """
    ways = []
    for name, one in study.job.explored.items():
        whole = study.job.eps if one.attack.eps is None else one.attack.eps
        shares = study.settings.explorer.shares if isinstance(one.attack, LoopConfig) else [1.0]
        sizes = tuple(share * whole for share in shares)
        source = None
        if one.on is not None:
            source = load(paths.replicate(paths.model(study.data, *one.on.split("/", 1)), 0)).to(runtime.device())
        for goal in (Goal.FRIEND, Goal.FOE) if isinstance(one.attack, GradientConfig) else (Goal.FOE,):
            changed = {"goal": goal} if isinstance(one.attack, GradientConfig) else {}
            perturb = crafted_by(one.attack.model_copy(update=changed), study, source)
            ways.append(Perturbation(name, goal.value, sizes, perturb))
    return ways


def crafted_by(
    config: AttackConfig, study: Inputs[E], source: nn.Module | None = None
) -> Callable[[nn.Module, Shown, float], Tensor]:
    """What an attack makes of images, crafted on the `source`, or on each network itself."""

    def perturb(network: nn.Module, shown: Shown, size: float) -> Tensor:
        on, sized = network if source is None else source, config.model_copy(update={"eps": size})
        device = next(on.parameters()).device
        clean, truth, ids = (each.to(device) for each in (shown.pixels, shown.labels, shown.rows))
        seed = crafting_seed(study.job.seed, study.data, 0)
        moved = craft(sized, on, to_float(clean), truth, eps=size, seed=seed, sample_ids=ids)
        return to_uint8(moved, clean).cpu()

    return perturb


def _first(test: Split, choice: Choice) -> Shown:
    """The first images of each class."""
    rows = torch.cat([(test.labels == label).nonzero().squeeze(1)[: choice.images] for label in choice.classes])
    return Shown(test.images[rows], test.labels[rows], rows)
