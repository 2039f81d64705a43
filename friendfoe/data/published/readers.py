"""Readers of the published test sets.

CIFAR-10-C, CIFAR-100-C and MNIST-C are NumPy arrays, read through a memory map; ImageNet-C, ImageNet-A and
Stylized-ImageNet image files in a folder per class, whose name is its WordNet id.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from friendfoe.data.corruptions import CORRUPTIONS, SEVERITIES
from friendfoe.data.published.images import Part, Shape
from friendfoe.data.sources.config import Labels, Pixels, RawSplit, check_count, check_labels
from friendfoe.data.sources.folder import as_split, list_classes
from friendfoe.runtime.errors import UserError

_IMAGENET_A_CLASSES = 200
MNIST_C_FOLDERS = (
    "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "shear", "scale", "rotate", "brightness", "translate",
    "stripe", "fog", "spatter", "dotted_line", "zigzag", "canny_edges",
)  # fmt: skip


def cifar_c(name: str, folder: Path, classes: Sequence[str], shape: Shape) -> Iterator[Part]:
    """CORRUPTION.npy, uint8 [5 n, 32, 32, 3]: the test images at severity 1, then 2, and so on; labels.npy [5 n]."""
    _check_model(name, classes, shape, 10 if name == "cifar10-c" else 100, (3, 32, 32))
    labels = _labels(folder / "labels.npy", len(classes))
    if len(labels) % len(SEVERITIES):
        raise UserError(f"{folder / 'labels.npy'} holds {len(labels)} labels, which are not as many for each severity")
    arrays = {corruption: _images(folder / f"{corruption}.npy", shape, len(labels)) for corruption in CORRUPTIONS}
    each = len(labels) // len(SEVERITIES)
    for corruption, images in arrays.items():
        for place, severity in enumerate(SEVERITIES):
            rows = slice(place * each, (place + 1) * each)
            yield Part(corruption, severity, _split(images[rows], labels[rows]))


def mnist_c(name: str, folder: Path, classes: Sequence[str], shape: Shape) -> Iterator[Part]:
    """CORRUPTION/test_images.npy, uint8 [n, 28, 28, 1], and CORRUPTION/test_labels.npy; of a single severity, 0."""
    _check_model(name, classes, shape, 10, (1, 28, 28))
    splits = {}
    for corruption in MNIST_C_FOLDERS:  # all of them before the work begins
        labels = _labels(folder / corruption / "test_labels.npy", len(classes))
        images = _images(folder / corruption / "test_images.npy", shape, len(labels))
        splits[corruption] = _split(images, labels)
    yield from (Part(corruption, 0, split) for corruption, split in splits.items())


def _check_model(name: str, classes: Sequence[str], shape: Shape, count: int, expected: Shape) -> None:
    if len(classes) != count:
        raise UserError(f"{name} has {count} classes, the model {len(classes)}; take one that was trained on its set")
    if tuple(shape) != expected:
        raise UserError(
            f"{name} has images of {'x'.join(map(str, expected))}, the model takes {'x'.join(map(str, shape))}; take "
            "one that was trained on its set"
        )


def _split(images: Pixels, labels: Labels) -> RawSplit:
    return RawSplit(labels, lambda rows: images[rows].transpose(0, 3, 1, 2).copy())


def _images(path: Path, shape: Shape, count: int) -> Pixels:
    array = _load(path)
    expected = (count, shape[1], shape[2], shape[0])
    if array.shape != expected or array.dtype != np.uint8:
        raise UserError(
            f"{path} holds {array.dtype} {list(array.shape)}, not uint8 {list(expected)}; unpack the published file "
            "again"
        )
    return array


def _labels(path: Path, classes: int) -> Labels:
    array = _load(path)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UserError(f"{path} holds {array.dtype} {list(array.shape)}, not one integer per image")
    check_count(len(array), len(array), path)
    check_labels(array, classes, path)
    return np.array(array, dtype=np.int64)


def _load(path: Path) -> NDArray[Any]:
    if not path.is_file():  # a pipe would be waited for
        raise UserError(f"there is no file {path}; unpack the whole benchmark, with all its corruptions")
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, OSError, OverflowError, ValueError) as error:
        raise UserError(f"{path} is no whole NumPy array ({error}); unpack the published file again") from error
    return array


def imagenet_c(name: str, folder: Path, classes: Sequence[str], shape: Shape) -> Iterator[Part]:
    """CORRUPTION/SEVERITY/CLASS/*.JPEG."""
    parts = [(corruption, severity) for corruption in CORRUPTIONS for severity in SEVERITIES]
    for corruption, severity in parts:  # all of them before the work begins
        if not (place := folder / corruption / str(severity)).is_dir():
            raise UserError(f"there is no folder {place}; unpack all of {name}: CORRUPTION/SEVERITY/CLASS/*.JPEG")
    for corruption, severity in parts:
        yield Part(corruption, severity, _class_folders(name, folder / corruption / str(severity), classes, shape))


def imagenet_a(name: str, folder: Path, classes: Sequence[str], shape: Shape) -> Iterator[Part]:
    """CLASS/*.jpg of 200 of ImageNet's classes; only these may be predicted, as its authors do."""
    split = _class_folders(name, folder, classes, shape)
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
    yield Part("stylized", 0, _class_folders(name, folder / "val", classes, shape))


def _class_folders(name: str, folder: Path, classes: Sequence[str], shape: Shape) -> RawSplit:
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
    # as they are stored: the published numbers were counted with readers that know nothing of EXIF
    split = as_split(files, "L" if channels == 1 else "RGB", height, upright=False)
    return replace(split, labels=np.array([known[wordnet] for wordnet in files])[split.labels])
