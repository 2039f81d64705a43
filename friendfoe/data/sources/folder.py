"""Image files in folders: `train/CLASS/*` and `test/CLASS/*`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from pydantic import Field, PositiveInt

from friendfoe.data.sources.config import Pixels, Raw, RawSplit, SourceConfig
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.progress import progress

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
_GREY = {"1", "L", "LA"}
_COLOUR = {"RGB", "RGBA", "RGBX", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV"}
_THREADS = min(32, (os.cpu_count() or 1) + 4)  # some wait for the disk
_BATCH = 64  # files per task: small images take no longer than handing out a task


class FolderConfig(SourceConfig):
    """Image files as `train/CLASS/*` and `test/CLASS/*`."""

    kind: Literal["folder"]
    path: Path = Field(description="the folder; relative paths start at the data root")
    # not `size`: the run-cache of DVC ignores params of that name and would give stale results
    resize: PositiveInt | None = Field(
        default=None, description="side in pixels that every image is resized and centre-cropped to; null: as they are"
    )

    def read(self, data_root: Path) -> Raw:
        """Read the folder: classes are the names of its sub-folders, in alphabetical order.

        Images are grey (C = 1) when all files of both splits are, otherwise RGB (C = 3); transparency is dropped.
        Without `resize` all have one size. The headers of all files are read first, so that a bad one is found before
        the work.

        Raises:
            UserError: a folder that is missing, empty or has other classes than the other split; a file that cannot be
                read, or that has another size than the first.
        """
        root = data_root / self.path
        if not root.is_dir():
            raise UserError(
                f"there is no folder {root}; put it there, or set FRIENDFOE_DATA to the one it is relative to"
            )
        train, test = list_classes(root / "train"), list_classes(root / "test")
        if only := sorted(train.keys() ^ test.keys()):
            there, missing = ("train", "test") if only[0] in train else ("test", "train")
            raise UserError(f"{root}: class {only[0]!r} is in {there} but not in {missing}; both need the same classes")
        paths = [path for classes in (train, test) for files in classes.values() for path in files]
        mode = _common_mode(paths, self.resize)
        return Raw(list(train), as_split(train, mode, self.resize), as_split(test, mode, self.resize))


def list_classes(folder: Path) -> dict[str, list[Path]]:
    """Give the image files of each class, both in alphabetical order.

    Raises:
        UserError: the folder, or a class in it, is missing or empty.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; an image folder holds train/CLASS/*.png and test/CLASS/*.png")
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    if not names:
        raise UserError(f"{folder} has no class folders; put the images in {folder / 'CLASS'}")
    classes = {}
    for name in names:
        files = sorted(entry.name for entry in os.scandir(folder / name) if _is_image(entry.name))
        if not files:
            raise UserError(f"the class folder {folder / name} has no images; add some (png, jpg, ...) or remove it")
        classes[name] = [folder / name / file for file in files]
    return classes


def _is_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES


def _common_mode(files: list[Path], resize: int | None) -> str:
    """Give the mode that holds every file ("L" or "RGB"), and check that all have one size unless they are resized."""
    mode, first_size = "L", None
    with progress("reading image headers", len(files)) as advance:
        for file, (file_mode, size) in zip(files, _in_threads(_header, files), strict=True):
            advance(1)
            if file_mode not in _GREY:
                if file_mode not in _COLOUR:
                    raise UserError(f"{file} has pixels of mode {file_mode}; convert it to 8-bit grey or RGB")
                mode = "RGB"
            first_size = first_size or size
            if resize is None and size != first_size:
                raise UserError(
                    f"{file} has {size[0]}x{size[1]} pixels but {files[0]} has {first_size[0]}x{first_size[1]} pixels; "
                    "make all images one size, or set `resize` of this source to a number of pixels"
                )
    return mode


def as_split(classes: dict[str, list[Path]], mode: str, resize: int | None) -> RawSplit:
    """The files of each class, numbered in this order, as images of mode "L" or "RGB", decoded when they are read.

    Each is resized and centre-cropped to a side of `resize` pixels; otherwise all are of one size. One that cannot be
    read is a UserError.
    """

    def decode(file: Path) -> Pixels:
        with _opened(file) as opened:
            image = opened.convert(mode)
            if resize is not None:
                image = ImageOps.fit(image, (resize, resize), Image.Resampling.BICUBIC)
            pixels = np.asarray(image)
        return pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)

    paths = [path for files in classes.values() for path in files]
    labels = np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])
    return RawSplit(labels, lambda rows: np.stack([*_in_threads(decode, [paths[row] for row in rows])]))


def _header(file: Path) -> tuple[str, tuple[int, int]]:
    with _opened(file) as image:
        return image.mode, image.size


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(file) as image:
            yield image
    except Exception as error:  # the decoders of PIL raise errors of all kinds
        reason = "no image format that is known" if isinstance(error, UnidentifiedImageError) else str(error)
        raise UserError(f"the image {file} cannot be read ({reason}); replace or remove it") from error


Result = TypeVar("Result")


def _in_threads(work: Callable[[Path], Result], files: list[Path]) -> Iterator[Result]:
    """Map in threads (PIL decodes without the GIL), in order; the first error stops it."""
    with ThreadPool(_THREADS) as pool:
        yield from pool.imap(work, files, _BATCH)
