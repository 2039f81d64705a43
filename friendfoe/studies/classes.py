"""Classes that a study's settings name by their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from friendfoe.runtime.errors import UserError
from friendfoe.studies.job import place

if TYPE_CHECKING:  # settings are read where nothing is computed
    from torch import Tensor

    from friendfoe.data.store import Split

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
