"""From a source to the prepared form of a data set."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from friendfoe.data.recipes import Digits, Folder, Npz, Source, Torchvision
from friendfoe.data.sources.raw import Examples, Labels, Pixels, Raw, stratified
from friendfoe.data.writer import write_split
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.progress import progress

_CHUNK_ROWS = 1024


def prepare(source: Source, data_root: Path, out_dir: Path, name: str) -> None:
    """Write the data set `name` from `source` to `out_dir` (`train.safetensors`, `test.safetensors`).

    An earlier `out_dir` is replaced when everything went well, and stays as it was otherwise.

    Args:
        source: where the data set comes from.
        data_root: where raw files are found or downloaded to, and where relative paths start.
        out_dir: the folder to make.
        name: of the data set, as in params.yaml.

    Raises:
        UserError: missing, damaged or inconsistent raw data; a folder that cannot be written; a full disk.
    """
    raw = _read(source, data_root)
    if source.limit is not None:
        if source.limit < len(raw.classes):
            raise UserError(
                f"data.{name}.source.limit is {source.limit}, fewer than the {len(raw.classes)} classes; "
                "raise it to have an image of each"
            )
        raw = replace(raw, train=_subset(raw.train, source.limit), test=_subset(raw.test, source.limit))
    count = len(raw.train.labels) + len(raw.test.labels)
    with atomic_directory(out_dir) as folder, progress(f"preparing {name}", count) as advance:
        train, test = _chunks(raw.train, advance), _chunks(raw.test, advance)
        statistics = write_split(folder, "train", train, name=name, classes=raw.classes)
        write_split(folder, "test", test, name=name, classes=raw.classes, statistics=statistics)


def _read(source: Source, data_root: Path) -> Raw:
    # each family brings its own libraries, some of them slow to import
    match source:
        case Digits():
            from friendfoe.data.sources import digits

            return digits.read(source, data_root)
        case Torchvision():
            from friendfoe.data.sources import torchvision_sets

            return torchvision_sets.read(source, data_root)
        case Folder():
            from friendfoe.data.sources import folder

            return folder.read(source, data_root)
        case Npz():
            from friendfoe.data.sources import npz

            return npz.read(source, data_root)


def _subset(examples: Examples, count: int) -> Examples:
    rows = stratified(examples.labels, count, seed=0)
    return Examples(examples.labels[rows], lambda chosen: examples.read(rows[chosen]))


def _chunks(examples: Examples, advance: Callable[[int], None]) -> Iterator[tuple[Pixels, Labels]]:
    for start in range(0, len(examples.labels), _CHUNK_ROWS):
        rows = np.arange(start, min(start + _CHUNK_ROWS, len(examples.labels)))
        yield examples.read(rows), examples.labels[rows]
        advance(len(rows))
