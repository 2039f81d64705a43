"""ImageNet-C, ImageNet-A and Stylized-ImageNet: image files in a folder per class, whose name is its WordNet id."""

from collections.abc import Collection, Sequence
from pathlib import Path

import torch

from friendfoe.data.corruptions import CORRUPTIONS, SEVERITIES
from friendfoe.data.published.images import Batches, CorruptedImages, Shape
from friendfoe.data.sources.folder import decode, list_classes
from friendfoe.runtime.errors import UserError

_IMAGENET_A_CLASSES = 200


def imagenet_c(name: str, folder: Path, classes: Sequence[str], shape: Shape, at_once: int) -> Batches:
    """CORRUPTION/SEVERITY/CLASS/*.JPEG."""
    places = [(folder / corruption / str(severity)) for corruption in CORRUPTIONS for severity in SEVERITIES]
    for place in places:  # all of them before the work begins
        if not place.is_dir():
            raise UserError(f"there is no folder {place}; unpack all of {name}: CORRUPTION/SEVERITY/CLASS/*.JPEG")
    for place in places:
        yield from _batches(name, place.parent.name, int(place.name), place, classes, shape, at_once)


def imagenet_a(name: str, folder: Path, classes: Sequence[str], shape: Shape, at_once: int) -> Batches:
    """CLASS/*.jpg of 200 of ImageNet's classes; only these may be predicted, as its authors do."""
    files = list_classes(folder)
    if len(files) != _IMAGENET_A_CLASSES:
        raise UserError(
            f"{folder} has {len(files)} class folders, {name} has {_IMAGENET_A_CLASSES}: fewer would make it easier; "
            "unpack all of it"
        )
    allowed = torch.tensor(sorted(_labels(files, folder, classes).values()))
    yield from _batches(name, "natural", 0, folder, classes, shape, at_once, allowed)


def stylized_imagenet(name: str, folder: Path, classes: Sequence[str], shape: Shape, at_once: int) -> Batches:
    """val/CLASS/*.png."""
    if not (folder / "val").is_dir():
        raise UserError(f"there is no folder {folder / 'val'}; unpack the validation images of {name} there")
    yield from _batches(name, "stylized", 0, folder / "val", classes, shape, at_once)


def _batches(
    name: str,
    corruption: str,
    severity: int,
    folder: Path,
    classes: Sequence[str],
    shape: Shape,
    at_once: int,
    allowed: torch.Tensor | None = None,
) -> Batches:
    channels, height, width = shape
    if height != width:
        raise UserError(f"{name}: image files are cut to squares, the model takes {height}x{width} pixels")
    files = list_classes(folder)
    labels = _labels(files, folder, classes)
    pairs = [(path, labels[wordnet]) for wordnet, paths in files.items() for path in paths]
    mode = "L" if channels == 1 else "RGB"
    for start in range(0, len(pairs), at_once):
        paths, truth = zip(*pairs[start : start + at_once], strict=True)
        images = torch.from_numpy(decode(list(paths), mode, height))
        yield CorruptedImages(name, corruption, severity, images, torch.tensor(truth), allowed)


def _labels(wordnets: Collection[str], folder: Path, classes: Sequence[str]) -> dict[str, int]:
    """The label of each class folder: where its name stands among the model's classes."""
    known = {wordnet: place for place, wordnet in enumerate(classes)}
    if unknown := [wordnet for wordnet in wordnets if wordnet not in known]:
        raise UserError(
            f"{folder}: the model has no class {unknown[0]} ({len(unknown)} of {len(wordnets)} folders are unknown); "
            f"its classes are called {classes[0]}, ...: take one that was trained on folders named by WordNet ids"
        )
    return {wordnet: known[wordnet] for wordnet in wordnets}
