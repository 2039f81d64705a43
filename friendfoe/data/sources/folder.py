"""Image files in folders: `train/CLASS/*` and `test/CLASS/*`."""

import os
import stat
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from multiprocessing.pool import ThreadPool
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError
from pydantic import Field, PositiveInt

from friendfoe.data.sources.config import Pixels, Raw, RawSplit, Rows, SourceConfig, say
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.progress import progress

_SUFFIXES = {
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jpx", ".pbm", ".pgm",
    ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp",
}  # fmt: skip
# no other: some of those that Pillow knows run programs of their own
_FORMATS = ("PNG", "JPEG", "MPO", "BMP", "DIB", "GIF", "PPM", "TIFF", "WEBP", "AVIF", "JPEG2000", "TGA")
_LITTER = {"thumbs.db", "desktop.ini"}  # what file managers leave behind, beside hidden files
_GREY = {"1", "L", "LA"}
_COLOUR = {"RGB", "RGBA", "RGBX", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV"}
_THREADS = min(32, (os.cpu_count() or 1) + 4)  # some wait for the disk
_MARKERS = 1 << 16  # bytes within which a JPEG 2000 file says how deep it is
_BATCH = 64  # files per task, at most: small images take no longer than handing out a task
_LARGE = 1 << 24  # pixels of an image from which only one is decoded at a time
_ALONE = Lock()
# what brings an image with this EXIF orientation upright
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class FolderConfig(SourceConfig):
    """Image files as `train/CLASS/*` and `test/CLASS/*`."""

    kind: Literal["folder"]
    path: Path = Field(strict=False, description="the folder; relative paths start at the data root")
    # not `size`: the run-cache of DVC ignores params of that name and would give stale results
    resize: PositiveInt | None = Field(
        default=None, description="side in pixels that every image is resized and centre-cropped to; null: as they are"
    )

    def read(self, data_root: Path) -> Raw:
        """Read the folder: classes are the names of its sub-folders, in alphabetical order.

        Images in folders below a class folder belong to the class; those that EXIF data says were taken on their side
        are turned upright. Images are grey (C = 1) when all files of both splits are, otherwise RGB (C = 3). Without
        `resize` all have one size. The headers of all files are read first, so that a bad one is found before the work;
        what is left out, or dropped from a file, is counted and told.

        Raises:
            UserError: a folder that is missing or empty, or a class that `train` does not have; a file that cannot be
                read, or that has another size than the first.
        """
        root = data_root / self.path
        if not root.is_dir():
            raise UserError(
                f"there is no folder {root}; put it there, or set FRIENDFOE_DATA to the one it is relative to"
            )
        train, test = list_classes(root / "train"), list_classes(root / "test")
        if others := sorted(name for name in os.listdir(root) if name not in ("train", "test") and not _litter(name)):
            say(f"{root}: left out {', '.join(others)}")
        if unknown := sorted(test.keys() - train.keys()):
            advice = "add training images, or remove it"
            raise UserError(f"{root}: class {unknown[0]!r} is in test but not in train; {advice}")
        if untested := [name for name in train if name not in test]:
            say(f"{root}: no test images of {', '.join(untested)}")
        test = {name: test.get(name, []) for name in train}  # numbered as in training
        paths = [path for classes in (train, test) for files in classes.values() for path in files]
        mode = _common_mode(root, paths, self.resize)
        return Raw(list(train), as_split(train, mode, self.resize), as_split(test, mode, self.resize))


def read_classes(folder: Path, resize: int | None) -> tuple[list[str], RawSplit]:
    """Classes and images of a folder `CLASS/*` alone, as `FolderConfig.read` reads those of its two.

    Raises:
        UserError: as there.
    """
    classes = list_classes(folder)
    mode = _common_mode(folder, [path for files in classes.values() for path in files], resize)
    return list(classes), as_split(classes, mode, resize)


def list_classes(folder: Path) -> dict[str, list[Path]]:
    """Give the image files of each class, both in alphabetical order, and tell how many other files there are.

    Raises:
        UserError: the folder, or a class in it, is missing or empty.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; an image folder holds train/CLASS/*.png and test/CLASS/*.png")
    places = {path.name: _kind(path) for path in folder.iterdir() if not _litter(path.name)}
    names = sorted(name for name, kind in places.items() if kind == "folder")
    left_out = Counter(f"{kind} beside the class folders" for kind in places.values() if kind != "folder")
    if not names:
        raise UserError(f"{folder} has no class folders{_in_brackets(left_out)}; put the images in {folder / 'CLASS'}")
    classes = {}
    for name in names:
        others: Counter[str] = Counter()
        classes[name] = sorted(_images(folder / name, others), key=lambda path: path.parts)
        if not classes[name]:
            raise UserError(
                f"the class folder {folder / name} has no images{_in_brackets(others)}; add some (png, jpg, ...) or "
                "remove it"
            )
        left_out += others
    if left_out:
        say(f"{folder}: left out {_listed(left_out)}")
    return classes


def _images(folder: Path, left_out: Counter[str]) -> Iterator[Path]:
    """The image files in and below a folder; others are counted by kind. No link to a folder is followed."""
    for entry in os.scandir(folder):
        if _litter(entry.name):
            continue
        path = Path(entry.path)
        kind = _kind(path) if entry.is_symlink() or not entry.is_file() else path.suffix.lower()
        if kind == "folder" and not entry.is_symlink():
            yield from _images(path, left_out)
        elif kind in _SUFFIXES or (kind == "" and _is_image(path)):
            yield path
        else:
            left_out["link to a folder" if kind == "folder" else kind or "file without suffix"] += 1


def _kind(path: Path) -> str:
    """What is there: "folder", the suffix of a regular file, or what else it is; links are followed."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return "broken link" if path.is_symlink() else "file that cannot be read"
    return "folder" if stat.S_ISDIR(mode) else path.suffix.lower() if stat.S_ISREG(mode) else "special file"


def _litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


@cache
def _formats() -> list[str]:
    """Those of `_FORMATS` that this Pillow was built with."""
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _is_image(path: Path) -> bool:
    """Whether the content of a file is that of an image (TGA cannot be told by it)."""
    try:
        Image.open(path, formats=_formats()[:-1]).close()
    except Exception:  # the decoders of PIL raise errors of all kinds
        return False
    return True


def _listed(counts: Counter[str]) -> str:
    """Such as "3 x .heic, 1 x broken link"."""
    return ", ".join(f"{count} x {kind or 'file without suffix'}" for kind, count in sorted(counts.items()))


def _in_brackets(left_out: Counter[str]) -> str:
    return f" that can be read (left out: {_listed(left_out)})" if left_out else ""


def _common_mode(root: Path, files: list[Path], resize: int | None) -> str:
    """Give the mode that holds every file ("L" or "RGB"), and check that all have one size unless they are resized."""
    mode, first_size, dropped = "L", None, Counter[str]()
    with progress("reading image headers", len(files)) as advance:
        for file, header in zip(files, _in_threads(_header, files), strict=True):
            advance(1)
            if header.mode not in _GREY:
                if header.mode not in _COLOUR:
                    raise UserError(f"{file} has pixels of mode {header.mode}; convert it to 8-bit grey or RGB")
                mode = "RGB"
            size = header.size
            first_size = first_size or size
            if resize is None and size != first_size:
                raise UserError(
                    f"{file} has {size[0]}x{size[1]} pixels but {files[0]} has {first_size[0]}x{first_size[1]} pixels; "
                    "make all images one size, or set `resize` of this source (`--size` of a command) to a number of "
                    "pixels"
                )
            dropped.update(header.dropped)
    for what, count in sorted(dropped.items()):
        say(f"{root}: {count} of {len(files)} images have {what}")
    return mode


def as_split(classes: dict[str, list[Path]], mode: str, resize: int | None, *, upright: bool = True) -> RawSplit:
    """The files of each class, numbered in this order, as images of mode "L" or "RGB", decoded when they are read.

    Each is turned `upright` as its EXIF data says, resized and centre-cropped to a side of `resize` pixels; otherwise
    all are of one size. One that cannot be read is a UserError.
    """

    def decode(file: Path) -> Pixels:
        with _opened(file) as opened, _ALONE if opened.width * opened.height > _LARGE else nullcontext():
            image = opened.convert(mode)
            if upright and (turn := _UPRIGHT.get(_orientation(opened.getexif, opened))) is not None:
                image = image.transpose(turn)
            if resize is not None:
                image = ImageOps.fit(image, (resize, resize), Image.Resampling.BICUBIC)
            pixels = np.asarray(image)
        return pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)

    paths = [path for files in classes.values() for path in files]
    labels = np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()])
    shape = cache(lambda: decode(paths[0]).shape)

    def read(rows: Rows) -> Pixels:
        images = [*_in_threads(decode, [paths[row] for row in rows])]
        for row, image in zip(rows, images, strict=True):
            if image.shape != shape():  # its header did not say so: a PNG whose orientation stands behind its pixels
                raise UserError(f"{paths[row]} is of another size once it is upright; set `resize` of this source")
        return np.stack(images)

    return RawSplit(labels, read)


class _Header(NamedTuple):
    """What a file says of its image."""

    mode: str
    size: tuple[int, int]  # upright
    dropped: list[str]  # what is there and will not be seen


def _header(file: Path) -> _Header:
    with _opened(file) as image:
        width, height = image.size
        # a PNG would be decoded for what stands behind its pixels; a TIFF gives the size after it was turned
        turned = image.format != "TIFF" and _orientation(lambda: Image.Image.getexif(image), image) in (5, 6, 7, 8)
        return _Header(image.mode, (height, width) if turned else (width, height), [*_dropped(image)])


def _dropped(image: Image.Image) -> Iterator[str]:
    """What an image has beyond 8-bit pixels in grey or sRGB."""
    if getattr(image, "is_animated", False):
        yield "several frames; the first is taken"
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        yield "transparency; it is dropped"
    if image.mode in _GREY | _COLOUR and _deep(image):
        yield "16 bits; the upper 8 are taken"
    if image.mode in ("CMYK", "YCbCr", "LAB"):
        yield f"{image.mode} colours; they are converted without a profile"
    if (profile := image.info.get("icc_profile")) and b"sRGB" not in profile and b"s\0R\0G\0B" not in profile:
        yield "a colour profile other than sRGB; it is not applied"


def _deep(image: Image.Image) -> bool:
    """Whether a file has more than 8 bits per channel, which Pillow cuts."""
    if (
        isinstance(image, ImageFile.ImageFile) and image.format == "JPEG2000"
    ):  # Pillow does not say: the depth of the first channel stands in the size marker
        with Path(os.fsdecode(image.filename)).open("rb") as file:
            head = file.read(_MARKERS)
        depth = head.find(b"\xff\x4f\xff\x51") + 42
        return 42 <= depth < len(head) and (head[depth] & 0x7F) >= 8
    tiles = getattr(image, "tile", [])
    return any(";16" in str(tile) or (tile[0] == "ppm" and tile[3][-1] > 255) for tile in tiles)


def _orientation(read: Callable[[], Image.Exif], image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where the file has none that can be read, or has been turned by Pillow."""
    try:
        return 1 if image.format == "TIFF" else int(read().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF data does not damage the pixels
        return 1


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(file, formats=_formats()) as image:
            yield image
    except Exception as error:  # the decoders of PIL raise errors of all kinds
        known = {UnidentifiedImageError: "no image format that is known", MemoryError: "it does not fit into memory"}
        reason = known.get(type(error), str(error))
        raise UserError(f"the image {file} cannot be read ({reason}); replace or remove it") from error


Result = TypeVar("Result")


def _in_threads(work: Callable[[Path], Result], files: list[Path]) -> Iterator[Result]:
    """Map in threads (PIL decodes without the GIL), in order; the first error stops it."""
    with warnings.catch_warnings(), ThreadPool(_THREADS) as pool:
        warnings.simplefilter("ignore")  # Pillow's of transparency and large images: what matters is told
        yield from pool.imap(work, files, min(_BATCH, -(-len(files) // _THREADS) or 1))
