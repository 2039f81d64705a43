"""One NumPy archive (.npz) with images and labels of both splits, such as the files of MedMNIST."""

import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from friendfoe.data.sources.config import Labels, Pixels, Raw, RawSplit, SourceConfig, check_labels
from friendfoe.runtime.errors import UserError

_KEYS = (("{}_images", "{}_labels"), ("x_{}", "y_{}"))
_CHANNELS = (1, 3)


class NpzConfig(SourceConfig):
    """One NumPy archive with images and labels of both splits."""

    kind: Literal["npz"]
    path: Path = Field(description="the file; relative paths start at the data root")

    def read(self, data_root: Path) -> Raw:
        """Read `train_images`, `train_labels`, `test_images` and `test_labels` (or `x_train`, `y_train`, ...).

        Images are uint8, or float in [0, 1]: [N, H, W], [N, H, W, C] when the last axis has 1 or 3 entries, else
        [N, C, H, W]. Labels are integers [N] or [N, 1] from 0. `classes`, strings [K], names them; without it the names
        are "0", "1", ... up to the largest label. Other arrays are left alone.
        """
        path = data_root / self.path
        arrays = _load(path)
        splits = [_split(arrays, split, path) for split in ("train", "test")]
        train, test = ("x".join(map(str, images.shape[1:])) for images, _ in splits)
        if train != test:
            raise UserError(f"{path}: training images are {train} but test images {test} (C x H x W); save one size")
        if "classes" in arrays:
            classes = [str(name) for name in arrays["classes"].ravel()]
        else:
            largest = max((int(labels.max()) for _, labels in splits if len(labels)), default=-1)
            classes = [str(label) for label in range(largest + 1)]
        for images, labels in splits:
            check_labels(labels, len(images), len(classes), path)
        return Raw(classes, *(RawSplit.in_memory(*split) for split in splits))


def _load(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise UserError(f"there is no file {path}; put it there, or set FRIENDFOE_DATA to the folder it is relative to")
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise UserError(f"{path} is a single array; save images and labels with numpy.savez")
        keys = {"classes"} | {key.format(split) for pair in _KEYS for key in pair for split in ("train", "test")}
        with archive:
            return {key: archive[key] for key in archive.files if key in keys}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if "Object arrays" in str(error):
            raise UserError(f"{path} holds arrays of Python objects; save plain number arrays") from error
        raise UserError(f"{path} is no complete .npz file ({error}); make or download it again") from error


def _split(arrays: dict[str, NDArray[Any]], split: str, path: Path) -> tuple[Pixels, Labels]:
    pairs = [(images.format(split), labels.format(split)) for images, labels in _KEYS]
    for images, labels in pairs:
        if images in arrays and labels in arrays:
            return _pixels(arrays[images], images, path), _labels(arrays[labels], labels, path)
    expected = " or ".join(" and ".join(pair) for pair in pairs)
    raise UserError(f"{path} has no {expected}; save its {split} split under these keys")


def _pixels(images: NDArray[Any], key: str, path: Path) -> Pixels:
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[-1] in _CHANNELS:
        images = images.transpose(0, 3, 1, 2)
    elif images.ndim != 4 or images.shape[1] not in _CHANNELS:
        shape = list(images.shape)
        raise UserError(f"{path}: {key} has shape {shape}; save [N, H, W], [N, H, W, C] or [N, C, H, W], C 1 or 3")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(f"{path}: {key} is {images.dtype}; save it as uint8 or as float in [0, 1]")
    if not (images.min(initial=0) >= 0 and images.max(initial=1) <= 1):  # also when one is not a number
        raise UserError(f"{path}: {key} is {images.dtype} and not all in [0, 1]; scale it, or save it as uint8")
    rounded: Pixels = np.rint(images * 255).astype(np.uint8)
    return rounded


def _labels(labels: NDArray[Any], key: str, path: Path) -> Labels:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        shape = list(labels.shape)
        raise UserError(f"{path}: {key} is {labels.dtype} {shape}; save one integer label per image, [N] or [N, 1]")
    return labels.astype(np.int64)
