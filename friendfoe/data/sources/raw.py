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
class Examples:
    """One split of a source.

    Attributes:
        labels: int64 [N].
        read: gives the images of some rows, uint8 [n, C, H, W], so that a large set is never in memory as a whole.
    """

    labels: Labels
    read: Callable[[Rows], Pixels]

    @classmethod
    def of(cls, images: Pixels, labels: Labels) -> "Examples":
        """The split that holds `images`, uint8 [N, C, H, W], in memory."""
        return cls(labels, images.__getitem__)


@dataclass(frozen=True)
class Raw:
    """A data set as its source gives it: class names in the order of the labels, and two splits."""

    classes: list[str]
    train: Examples
    test: Examples


def check_labels(labels: Labels, images: int, classes: int, where: Path) -> None:
    """Check that there is one label in 0..classes-1 for each image.

    Raises:
        UserError: with the file, the bad label and its row.
    """
    if len(labels) != images:
        raise UserError(f"{where} holds {images} images but {len(labels)} labels; give one label per image")
    if images == 0:
        raise UserError(f"{where} holds no images; give at least one")
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(bad):
        row = int(bad[0])
        raise UserError(
            f"{where}: label {labels[row]} of image {row} is outside 0..{classes - 1}; number the {classes} classes "
            "from 0"
        )


def stratified(labels: Labels, count: int, seed: int) -> Rows:
    """Choose `count` rows at random with the classes in proportion, in the order of the rows.

    Every class has at least one where `count` reaches the number of classes.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    sizes = np.bincount(labels)
    first = np.cumsum(sizes) - sizes
    # the i-th of n rows of a class comes at i/n: taking rows in that order keeps the classes in proportion all along
    share = (np.arange(len(labels)) - np.repeat(first, sizes)) / np.repeat(sizes, sizes)
    return np.sort(by_class[np.argsort(share, kind="stable")[:count]])
