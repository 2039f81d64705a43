"""What every source has in common: its settings, and what it gives."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, PositiveInt

from friendfoe.runtime.errors import UserError
from friendfoe.runtime.kinds import Kind

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class RawSplit:
    """One split of a source; images are read by rows, so that a large set is never in memory as a whole."""

    labels: Labels  # int64 [N]
    read: Callable[[Rows], Pixels]  # images of some rows, uint8 [n, C, H, W]

    @classmethod
    def in_memory(cls, images: Pixels, labels: ArrayLike) -> "RawSplit":
        """The split that holds `images`, uint8 [N, C, H, W], and integer labels [N] in memory."""
        return cls(np.asarray(labels, dtype=np.int64), images.__getitem__)

    def chunks(self, size: int, advance: Callable[[int], None] = lambda rows: None) -> Iterator[tuple[Pixels, Labels]]:
        """Images and labels, `size` rows at a time; `advance` is told how many after each."""
        for start in range(0, len(self.labels), size):
            rows = np.arange(start, min(start + size, len(self.labels)))
            yield self.read(rows), self.labels[rows]
            advance(len(rows))


@dataclass(frozen=True)
class Raw:
    """A data set as its source gives it: class names in the order of the labels, and two splits."""

    classes: list[str]
    train: RawSplit
    test: RawSplit


class SourceConfig(Kind):
    """Where a data set comes from."""

    tag = "kind"
    package = "friendfoe.data.sources"

    limit: PositiveInt | None = Field(
        default=None, description="use only so many images of each split, with the classes in proportion"
    )

    @property
    def known(self) -> tuple[int, int, int] | None:
        """Numbers of training images, test images and classes; None where only reading it tells them."""
        return None

    def read(self, data_root: Path) -> Raw:
        """The data set as it is there, without regard to `limit`.

        Args:
            data_root: where raw files are found or downloaded to, and where relative paths start.

        Raises:
            UserError: missing, damaged or inconsistent raw data.
        """
        raise NotImplementedError


def check_count(labels: int, images: int, where: Path | str) -> None:
    """Raise UserError unless there are images, and as many labels; `where` says of what."""
    if labels != images:
        raise UserError(f"{where} holds {images} images but {labels} labels; give one label per image")
    if images == 0:
        raise UserError(f"{where} holds no images; give at least one")


def check_labels(labels: NDArray[Any], classes: int, where: Path | str) -> None:
    """Raise UserError, with the first bad label and its row, unless integer labels [N] are all in 0..classes-1."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        row = int(wrong[0])
        raise UserError(
            f"{where}: label {labels[row]} of image {row} is outside 0..{classes - 1}; number the {classes} classes "
            "from 0 without gaps"
        )


def check_file(path: Path) -> None:
    """Raise UserError unless there is a regular file: others, such as pipes, can make a reader wait for ever."""
    if not path.exists():
        raise UserError(f"there is no file {path}; put it there, or set FRIENDFOE_DATA to the folder it is relative to")
    if not path.is_file():
        raise UserError(f"{path} is no regular file; put one there")


def say(note: str) -> None:
    """Tell the user of something that was left out or taken in one of several ways."""
    print(f"note: {note}", file=sys.stderr, flush=True)
