"""ImageNet-C, ImageNet-A and Stylized-ImageNet: image files in a folder per class, whose name is its WordNet id."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from friendfoe.data.corruptions import CORRUPTIONS, SEVERITIES
from friendfoe.data.published.images import Part, Shape
from friendfoe.data.sources.config import RawSplit
from friendfoe.data.sources.folder import as_split, list_classes
from friendfoe.runtime.errors import UserError

_IMAGENET_A_CLASSES = 200


def imagenet_c(name: str, folder: Path, classes: Sequence[str], shape: Shape) -> Iterator[Part]:
    """CORRUPTION/SEVERITY/CLASS/*.JPEG."""
    parts = [(corruption, severity) for corruption in CORRUPTIONS for severity in SEVERITIES]
    for corruption, severity in parts:  # all of them before the work begins
        if not (place := folder / corruption / str(severity)).is_dir():
            raise UserError(f"there is no folder {place}; unpack all of {name}: CORRUPTION/SEVERITY/CLASS/*.JPEG")
    for corruption, severity in parts:
        yield Part(corruption, severity, _split(name, folder / corruption / str(severity), classes, shape))


def imagenet_a(name: str, folder: Path, classes: Sequence[str], shape: Shape) -> Iterator[Part]:
    """CLASS/*.jpg of 200 of ImageNet's classes; only these may be predicted, as its authors do."""
    split = _split(name, folder, classes, shape)
    allowed = np.unique(split.labels)
    if len(allowed) != _IMAGENET_A_CLASSES:
        raise UserError(
            f"{folder} has {len(allowed)} class folders, {name} has {_IMAGENET_A_CLASSES}: fewer would make it easier; "
            "unpack all of it"
        )
    yield Part("natural", 0, split, allowed)


def stylized_imagenet(name: str, folder: Path, classes: Sequence[str], shape: Shape) -> Iterator[Part]:
    """val/CLASS/*.png."""
    if not (folder / "val").is_dir():
        raise UserError(f"there is no folder {folder / 'val'}; unpack the validation images of {name} there")
    yield Part("stylized", 0, _split(name, folder / "val", classes, shape))


def _split(name: str, folder: Path, classes: Sequence[str], shape: Shape) -> RawSplit:
    """The images of class folders; a label is the place of a folder's name among the model's classes."""
    channels, height, width = shape
    if height != width:
        raise UserError(f"{name}: image files are cut to squares, the model takes {height}x{width} pixels")
    files = list_classes(folder)
    known = {wordnet: place for place, wordnet in enumerate(classes)}
    if unknown := [wordnet for wordnet in files if wordnet not in known]:
        raise UserError(
            f"{folder}: the model has no class {unknown[0]} ({len(unknown)} of {len(files)} folders are unknown); "
            f"its classes are called {classes[0]}, ...: take one that was trained on folders named by WordNet ids"
        )
    split = as_split(files, "L" if channels == 1 else "RGB", height)
    return replace(split, labels=np.array([known[wordnet] for wordnet in files])[split.labels])
