"""What every source gives: the labels of each split, and its images when they are asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from friendfoe.runtime.errors import UserError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class RawSplit:
    """One split of a source.

    Attributes:
        labels: int64 [N].
        read: gives the images of some rows, uint8 [n, C, H, W], so that a large set is never in memory as a whole.
    """

    labels: Labels
    read: Callable[[Rows], Pixels]

    @classmethod
    def in_memory(cls, images: Pixels, labels: Labels) -> "RawSplit":
        """The split that holds `images`, uint8 [N, C, H, W], in memory."""
        return cls(labels, images.__getitem__)


@dataclass(frozen=True)
class Raw:
    """A data set as its source gives it: class names in the order of the labels, and two splits."""

    classes: list[str]
    train: RawSplit
    test: RawSplit


def check_labels(labels: Labels, images: int, classes: int, file: Path) -> None:
    """Check that there is one label in 0..classes-1 for each image.

    Raises:
        UserError: with the file, the bad label and its row.
    """
    if len(labels) != images:
        raise UserError(f"{file} holds {images} images but {len(labels)} labels; give one label per image")
    if images == 0:
        raise UserError(f"{file} holds no images; give at least one")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        row = int(wrong[0])
        raise UserError(
            f"{file}: label {labels[row]} of image {row} is outside 0..{classes - 1}; number the {classes} classes "
            "from 0"
        )
