"""One NumPy archive (.npz) with images and labels of both splits, such as the files of MedMNIST.

What its headers declare is checked against one another, the file and the memory before any array is read.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from pydantic import Field

from friendfoe.data.sources.config import (
    Pixels,
    Raw,
    RawSplit,
    SourceConfig,
    check_count,
    check_file,
    check_labels,
    say,
)
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.memory import available

_KEYS = (("{}_images", "{}_labels"), ("x_{}", "y_{}"))
_WHOLE = (("images", "labels"), ("x", "y"))
_NAMES = "classes"
_CHANNELS = (1, 3)
_CHANNEL_AXIS = {"nchw": 1, "nhwc": 3}
_EXPECTED = {
    None: "[N, H, W], [N, H, W, C] or [N, C, H, W]",
    "nchw": "[N, H, W] or [N, C, H, W]",
    "nhwc": "[N, H, W] or [N, H, W, C]",
}
_HEADER = 1 << 14  # bytes; NumPy trusts headers of 10 000 at most
_LARGE = 1 << 26  # bytes from which an array may not be packed better than images can be
_PACKED = 200  # times: MNIST is packed 5 times, zeros alone 1 000 times
_CHUNK_ROWS = 1024

Array = NDArray[Any]
Layout = Literal["nchw", "nhwc"]


class NpzConfig(SourceConfig):
    """One NumPy archive with images and labels of both splits."""

    kind: Literal["npz"]
    path: Path = Field(strict=False, description="the file; relative paths start at the data root")
    layout: Layout | None = Field(
        default=None, description="channels first or last, where the shape of the images leaves it open"
    )
    classes: list[str] | None = Field(
        default=None, description="names in the order of the labels, in place of those of the file"
    )

    def read(self, data_root: Path) -> Raw:
        """Read `train_images`, `train_labels`, `test_images` and `test_labels` (or `x_train`, `y_train`, ...).

        Images are uint8, or float in [0, 1]: [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels. Labels are
        integers [N] or [N, 1] that number the classes from 0. `classes`, strings [K], names them, or the setting of
        that name; without either they are called "0", "1", ... Other arrays are left out, and named.
        """
        path = data_root / self.path
        with _opened(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            pairs = [_keys(names, split, path) for split in ("train", "test")]
            used = {key for pair in pairs for key in pair} | names & {_NAMES}
            declared = {key: _declared(archive, key, path) for key in sorted(used)}
        if unused := names - used:
            say(f"{path}: left out {', '.join(sorted(unused))}")
        self._check(declared, pairs, path)
        numbers = [_read(path, labels).reshape(-1) for _, labels in pairs]
        classes = _class_names(_read(path, _NAMES), path) if _NAMES in used else _numbered(numbers[0])
        if self.classes is not None and len(self.classes) != len(classes):
            raise UserError(f"{path} has {len(classes)} classes, and `classes` of its source names {len(self.classes)}")
        classes = self.classes or classes
        for (_, labels), values in zip(pairs, numbers, strict=True):
            check_labels(values, len(classes), f"{path}: {labels}")
        pixels = [_pixels(self._arranged(_read(path, images), images, path), images, path) for images, _ in pairs]
        return Raw(classes, *map(RawSplit.in_memory, pixels, numbers))

    def read_one(self, data_root: Path) -> tuple[list[str], RawSplit]:
        """Class names and images of the test split, or of a file with `images` and `labels` (`x` and `y`) alone.

        What is not said here is as `read` has it; without `classes` there are as many as the largest label says.
        """
        path = data_root / self.path
        with _opened(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            whole = next((pair for pair in _WHOLE if names.issuperset(pair)), None)
            pair = whole or _keys(names, "test", path)
            declared = {key: _declared(archive, key, path) for key in sorted({*pair} | names & {_NAMES})}
        self._check(declared, [pair], path)
        images, labels = pair
        numbers = _read(path, labels).reshape(-1)
        last = int(numbers.max()) if len(numbers) else 0
        classes = _class_names(_read(path, _NAMES), path) if _NAMES in declared else [*map(str, range(last + 1))]
        check_labels(numbers, len(classes), f"{path}: {labels}")
        pixels = _pixels(self._arranged(_read(path, images), images, path), images, path)
        return classes, RawSplit.in_memory(pixels, numbers)

    def _check(self, declared: dict[str, Array], pairs: list[tuple[str, str]], path: Path) -> None:
        """Check that what is declared fits together, and into memory."""
        sizes = []
        for images, labels in pairs:
            arranged = self._arranged(declared[images], images, path)
            sizes.append("x".join(map(str, arranged.shape[1:])))
            _check_integers(declared[labels], labels, path)
            check_count(len(declared[labels]), len(arranged), f"{path}: {images}")
        if sizes[0] != sizes[-1]:
            raise UserError(f"{path}: training images are {' but test images '.join(sizes)} (C x H x W); save one size")
        floats = sum(array.size for array in declared.values() if array.dtype.kind == "f")  # become as many bytes
        needed, there = floats + sum(array.nbytes for array in declared.values()), available()
        if needed > there:
            raise UserError(
                f"{path} needs {needed / 2**30:.1f} GiB of memory, there are {there / 2**30:.1f}; save fewer or "
                "smaller images, or image files in folders, which are read one after another"
            )

    def _arranged(self, images: Array, key: str, path: Path) -> Array:
        """Images [N, H, W], [N, H, W, C] or [N, C, H, W] as [N, C, H, W]."""
        shape, arranged = list(images.shape), None
        if images.ndim == 3:
            arranged = images[:, None]
        elif images.ndim == 4:
            fitting = [axis for name, axis in _CHANNEL_AXIS.items() if self.layout in (None, name)]
            fitting = [axis for axis in fitting if shape[axis] in _CHANNELS]
            if len(fitting) > 1:
                raise UserError(
                    f"{path}: {key} has shape {shape}: channels may be first or last; set `layout: nchw` or "
                    "`layout: nhwc` for this source"
                )
            arranged = np.moveaxis(images, fitting[0], 1) if fitting else None
        if arranged is None or 0 in shape[1:]:
            raise UserError(f"{path}: {key} has shape {shape}; save {_EXPECTED[self.layout]}, C 1 or 3")
        return arranged


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; what its decoders find wrong with it is told in one line."""
    check_file(path)
    with path.open("rb") as file:
        if file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
            raise UserError(f"{path} is a single array; save images and labels with numpy.savez")
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (UserError, MemoryError):
        raise
    except (NotImplementedError, RuntimeError) as error:  # an unknown compression, an encrypted file
        raise UserError(f"{path} cannot be read ({error}); save it again with numpy.savez_compressed") from error
    except Exception as error:  # zipfile, its decoders and NumPy raise errors of all kinds
        raise UserError(f"{path} is no complete .npz file ({error}); make or download it again") from error


def _keys(names: set[str], split: str, path: Path) -> tuple[str, str]:
    """What the images and the labels of a split are called."""
    pairs = [(images.format(split), labels.format(split)) for images, labels in _KEYS]
    for pair in pairs:
        if names.issuperset(pair):
            return pair
    expected = " or ".join(" and ".join(pair) for pair in pairs)
    raise UserError(f"{path} has no {expected}; save its {split} split under these keys")


def _declared(archive: zipfile.ZipFile, key: str, path: Path) -> Array:
    """An array of the shape and type that the header declares, made of a single number: it takes no memory."""
    info = _member(archive, key)
    with archive.open(info) as member:
        head = BytesIO(member.read(_HEADER))
    read_header = npy.read_array_header_1_0 if npy.read_magic(head) == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(head)
    if dtype.hasobject:
        raise UserError(f"{path}: {key} holds arrays of Python objects; save plain number arrays")
    declared, there = prod(shape) * dtype.itemsize, info.file_size - head.tell()
    if declared != there or min(shape, default=0) < 0:
        raise ValueError(f"{key} should have {declared} bytes and has {there}")
    are_labels = prod(shape[1:]) == 1 and dtype.kind in "iu"  # sorted, they can be packed as well as zeros
    if there > _LARGE and there > _PACKED * info.compress_size and not are_labels:
        raise ValueError(f"{key} unpacks to {there // info.compress_size} times its size, which images never do")
    return np.broadcast_to(np.zeros((), dtype), shape)


def _member(archive: zipfile.ZipFile, key: str) -> zipfile.ZipInfo:
    return next(info for info in archive.infolist() if info.filename in (f"{key}.npy", key))


def _read(path: Path, key: str) -> Array:
    with _opened(path) as archive, archive.open(_member(archive, key)) as member:
        array: Array = npy.read_array(member, allow_pickle=False)
    return array


def _pixels(images: Array, key: str, path: Path) -> Pixels:
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise UserError(f"{path}: {key} is {images.dtype}; save it as uint8 or as float in [0, 1]")
    pixels: Pixels = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        chunk = images[rows]
        if not (chunk.min(initial=0) >= 0 and chunk.max(initial=1) <= 1):  # also when one is not a number
            raise UserError(f"{path}: {key} is {images.dtype} and not all in [0, 1]; scale it, or save it as uint8")
        pixels[rows] = np.rint(chunk * 255)
    return pixels


def _check_integers(labels: Array, key: str, path: Path) -> None:
    shape = list(labels.shape)
    if labels.dtype.kind not in "iu" or shape[1:] not in ([], [1]) or not shape:
        one_hot = "; one-hot rows give it by `argmax(1)`" if len(shape) == 2 and shape[1] > 1 else ""
        words = "; numpy.unique(labels, return_inverse=True) numbers names" if labels.dtype.kind in "US" else ""
        raise UserError(
            f"{path}: {key} is {labels.dtype} {shape}; save one integer label per image, [N] or [N, 1]{one_hot}{words}"
        )


def _class_names(names: Array, path: Path) -> list[str]:
    if names.ndim != 1 or not len(names) or names.dtype.kind not in "USiu":
        raise UserError(f"{path}: {_NAMES} is {names.dtype} {list(names.shape)}; save a string for each class, [K]")
    try:
        return [name.decode() if isinstance(name, bytes) else str(name) for name in names.tolist()]
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {_NAMES} holds bytes that are not UTF-8 ({error}); save strings") from error


def _numbered(labels: Array) -> list[str]:
    """Names for as many classes as there are among the training labels."""
    return [str(label) for label in range(len(np.unique(labels)))]
