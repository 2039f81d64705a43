"""Homing: images that are attacked into one class are safe where a network does not know that class.

Images of a class that an attack turns into few others have, without those others, no adversarial counterpart in the
ball: trained without them and attacked again, the network takes the images for what they are (Tian et al. 2021).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from friendfoe.data.store import Split
from friendfoe.evaluation.outcomes import Key
from friendfoe.runtime import device
from friendfoe.studies.analysis import side_by_side
from friendfoe.studies.classwise.attacked import Answers, answers, confusion
from friendfoe.studies.classwise.names import MODEL, TOGETHER
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.inputs import Inputs
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.replicate import train_replicate


def removals(
    labels: Tensor, replicates: Sequence[Answers], classes: int, count: int, group: int
) -> list[tuple[int, ...]]:
    """Which classes to leave out: those that most images are attacked into, each alone, and the first ones together.

    Alone are `count`, or fewer where no image is attacked into more; together are `group`. Two classes always stay.
    """
    into = torch.stack([turned(labels, answers, classes) for answers in replicates]).sum((0, 1))
    order = [int(c) for c in np.argsort(-into.numpy(), kind="stable") if into[c] > 0]
    alone = [(c,) for c in order[:count]] if classes > 2 else []
    together = [tuple(sorted(order[:group]))] if 2 <= group <= min(len(order), classes - 2) else []
    return alone + together


def turned(labels: Tensor, answers: Answers, classes: int) -> Tensor:
    """How many images of class i that are taken for i are taken for j when they are attacked, [K, K]; 0 for i = j."""
    right = answers.clean == labels
    counts = confusion(labels[right], answers.attacked[right], classes)
    return counts - counts.diag().diag()


def come_home(
    labels: Tensor, answers: Answers, without: Mapping[tuple[int, ...], Callable[[Tensor], Tensor]], classes: list[str]
) -> dict[Key, Tensor]:
    """What becomes of each image that the attack has turned into a class, where a network does not know that class.

    `answers` are those of the network of all classes; `without`: classes that are left out -> from rows of images to
    what the network without them answers under attack.

    Returns:
        By metric, model and the class left out (`TOGETHER`: each class on its own, counted together), [N]: "home" is 1
        where the image is taken for what it is, 0 where it is not, nan where it was not turned into the class;
        "control" is the same of networks without another class in its place, their mean.
    """
    outcomes: dict[Key, Tensor] = {}
    right, nothing = answers.clean == labels, torch.full(labels.shape, torch.nan)
    alone = [out for out in without if len(out) == 1]

    def at_home(rows: Tensor, left_out: tuple[int, ...]) -> Tensor:
        """1 or 0 for the images `rows`, of which the network must know the classes; nan elsewhere."""
        result = nothing.clone()
        rows = rows[~torch.isin(labels[rows], torch.tensor(left_out))]
        if len(rows):
            result[rows] = (without[left_out](rows) == labels[rows]).float()
        return result

    for into in without:
        among = torch.tensor(into)
        rows = (right & torch.isin(answers.attacked, among) & ~torch.isin(labels, among)).nonzero().squeeze(1)
        name = _named(into, classes)
        outcomes["home", MODEL, name] = at_home(rows, into)
        if len(into) == 1:  # a control leaves out one class in place of another
            others = [at_home(rows, other) for other in alone if other != into]
            outcomes["control", MODEL, name] = torch.stack([nothing, *others]).nanmean(0)
    for metric in ("home", "control"):
        each = [outcomes[metric, MODEL, _named(into, classes)] for into in alone]
        outcomes[metric, MODEL, TOGETHER] = torch.stack([nothing, *each]).nanmean(0)  # it is turned into one of them
    return outcomes


def analyse(study: Inputs[Settings], replicates: Sequence[Answers]) -> list[dict[Key, Tensor]]:
    """Train every replicate of `MODEL` again without classes; `come_home` of each.

    `replicates` says what each answers on the test images.
    """
    settings, labels, classes = study.settings.homing, study.test.labels, study.test.classes
    recipe = study.job.retrained[MODEL]
    left_outs = removals(labels, replicates, len(classes), settings.removals, settings.group)
    left_outs = left_outs if recipe.method.trained else []

    def replicate(number: int, step: Callable[[], None]) -> tuple[dict[Key, Tensor], list[Checkpoint]]:
        without: dict[tuple[int, ...], Callable[[Tensor], Tensor]] = {}
        checkpoints = []
        for left_out in left_outs:
            trained = train_replicate(recipe, reduced(study.train, left_out), number)
            network = trained.best().to(device()).eval()
            without[left_out] = partial(_answers, study, network, left_out, number)
            checkpoints.append(trained.checkpoint)
            step()
        return come_home(labels, replicates[number], without, classes), checkpoints

    title = f"training without a class of {study.data}"
    results = side_by_side(title, len(study.replicates), replicate, len(left_outs))
    for checkpoint in (checkpoint for _, checkpoints in results for checkpoint in checkpoints):
        checkpoint.remove()
    return [outcomes for outcomes, _ in results]


def reduced(split: Split, without: tuple[int, ...]) -> Split:
    """The split without some classes; the labels of the others count through."""
    kept = (~torch.isin(split.labels, torch.tensor(without))).nonzero().squeeze(1)
    names = [name for number, name in enumerate(split.classes) if number not in without]
    labels = torch.searchsorted(_kept(len(split.classes), without), split.labels[kept])
    return replace(split, images=split.images[kept], labels=labels, classes=names)


def _answers(
    study: Inputs[Settings], network: nn.Module, without: tuple[int, ...], replicate: int, rows: Tensor
) -> Tensor:
    """What the network, attacked, takes the test images `rows` for, by the numbers of all classes."""
    kept = _kept(len(study.test.classes), without)
    labels = torch.searchsorted(kept, study.test.labels[rows])
    return kept[answers(study, network, study.test.images[rows], labels, replicate).attacked]


def _kept(classes: int, without: tuple[int, ...]) -> Tensor:
    return torch.tensor([number for number in range(classes) if number not in without])


def _named(numbers: tuple[int, ...], classes: list[str]) -> str:
    return " + ".join(classes[number] for number in numbers)
