"""From a source to the prepared form of a data set."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field, SerializeAsAny

from friendfoe.data.sources.config import SourceConfig
from friendfoe.data.sources.raw import Labels, Pixels, RawSplit
from friendfoe.data.stratified import stratified
from friendfoe.data.writer import write_split
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.progress import progress
from friendfoe.runtime.strict import Strict

_CHUNK_ROWS = 1024


class PrepareJob(Strict):
    """A data set that is brought into the prepared form."""

    data: str
    source: SerializeAsAny[SourceConfig]
    code: str = Field(default="", description="fingerprint of the code that prepares")


def prepare(source: SourceConfig, data_root: Path, out_dir: Path, name: str) -> None:
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
    raw = source.read(data_root)
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


def _subset(split: RawSplit, count: int) -> RawSplit:
    rows = stratified(split.labels, count, seed=0)
    return RawSplit(split.labels[rows], lambda chosen: split.read(rows[chosen]))


def _chunks(split: RawSplit, advance: Callable[[int], None]) -> Iterator[tuple[Pixels, Labels]]:
    for start in range(0, len(split.labels), _CHUNK_ROWS):
        rows = np.arange(start, min(start + _CHUNK_ROWS, len(split.labels)))
        yield split.read(rows), split.labels[rows]
        advance(len(rows))
