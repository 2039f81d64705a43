"""Classes that a study's settings name by their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from friendfoe.runtime.errors import UserError
from friendfoe.studies.job import Counts, place

if TYPE_CHECKING:  # settings are read where nothing is computed
    from torch import Tensor

    from friendfoe.data.store import Split
    from friendfoe.studies.inputs import Inputs, S

T = TypeVar("T")


def each_once(kind: str) -> Callable[[list[T]], list[T]]:
    """A validator of lists in which nothing stands twice; `kind`: what stands there, such as "class"."""

    def check(values: list[T]) -> list[T]:
        if len(set(values)) < len(values):
            raise ValueError(f"a {kind} stands there twice; leave one")
        return values

    return check


def check_known(key: str, numbers: Sequence[int], classes: int | None) -> None:
    """Refuse numbers of classes that a data set of so many classes (None: nobody knows yet) does not have.

    Raises:
        ValueError: beginning with `key`, the setting that names them.
    """
    for number in numbers:
        if classes is not None and number >= classes:
            raise ValueError(f"{key}: {number}: the classes are 0 to {classes - 1}; name others in `settings`")


def on_classes(study: Inputs[S]) -> Inputs[S]:
    """The inputs with the settings that the classes of the data set allow, and with notes on what is different."""
    train, test = (
        dict(zip(split.classes, split.labels.bincount(minlength=len(split.classes)).tolist(), strict=True))
        for split in (study.train, study.test)
    )
    settings, notes = study.settings.on_classes(train, test)
    notes += study.settings.without_training(study.job.given or [])
    return replace(study, settings=settings, notes=tuple(notes))


def with_images(numbers: Sequence[int], *counts: Counts, least: int = 1) -> list[int]:
    """Those of the classes `numbers` that have images in all `counts`; the first that have, where these are too few."""
    there = [number for number, each in enumerate(zip(*(count.values() for count in counts), strict=True)) if all(each)]
    kept = [number for number in numbers if number in there]
    return kept if len(kept) >= least else there[: max(least, 1)]


def replaced(key: str, before: Sequence[int], after: Sequence[int], classes: Sequence[str]) -> list[str]:
    """A sentence on a setting that names other classes on this data set; none where it does not."""
    if [*before] == [*after]:
        return []
    names = ", ".join(classes[number] for number in after)
    numbers = ", ".join(map(str, before))
    return [
        f"{key} is of the classes {names}: not of all that params.yaml names by number ({numbers}) are there images."
    ]


def few_classes(classes: int) -> list[str]:
    """A sentence on what AutoAttack does where there are few classes."""
    why = "of fewer than four classes there is none"
    return [f"AutoAttack takes targeted cross-entropy for the targeted difference of logits ratio: {why}."] * (
        classes < 4
    )


def class_rows(split: Split, number: int, study: str, key: str) -> Tensor:
    """The rows of a class's images, int64 [n], n > 0; the setting `key` of the study names the class by its number.

    Raises:
        UserError: the data set has no such class, or no image of it.
    """
    where, known = f"{place(study, key)}: {number}: {split.name}", split.classes
    if number >= len(known):
        raise UserError(f"{where} has the classes 0 to {len(known) - 1}")
    rows = (split.labels == number).nonzero().squeeze(1)
    if not len(rows):
        raise UserError(f"{where} has no image of class {known[number]}")
    return rows
