"""From a source to the prepared form of a data set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field, SerializeAsAny

from friendfoe.data.classes import check_classes
from friendfoe.data.sources.config import RawSplit, SourceConfig
from friendfoe.data.stratified import stratified
from friendfoe.data.writer import write_split
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.progress import progress
from friendfoe.runtime.strict import Strict

_CHUNK_ROWS = 1024
_CHUNK_BYTES = 1 << 26  # several times as much is in memory


class PrepareJob(Strict):
    """A data set that is brought into the prepared form."""

    data: str
    source: SerializeAsAny[SourceConfig]
    least_classes: int = Field(
        default=1, description="with images in both splits, for the studies that are to run on it"
    )
    code: str = Field(default="", description="fingerprint of the code that prepares")


def prepare(source: SourceConfig, data_root: Path, out_dir: Path, name: str) -> None:
    """Write the data set `name` of params.yaml from `source` to `out_dir` (`train.safetensors`, `test.safetensors`).

    An earlier `out_dir` is replaced when everything went well, and stays as it was otherwise. Raw files are found in
    `data_root` or downloaded to it, and relative paths start there.

    Raises:
        UserError: missing, damaged or inconsistent raw data; a class without training images; too little memory; a
            folder that cannot be written; a full disk.
    """
    try:
        _prepare(source, data_root, out_dir, name)
    except MemoryError as error:
        raise UserError(
            f"data set {name} does not fit into memory; set `limit` of its source, or make its images smaller"
        ) from error


def _prepare(source: SourceConfig, data_root: Path, out_dir: Path, name: str) -> None:
    raw = source.read(data_root)
    check_classes(raw.classes, raw.train.labels, f"data set {name}")
    if source.limit is not None:
        if source.limit < len(raw.classes):
            raise UserError(
                f"data.{name}.source.limit is {source.limit}, fewer than the {len(raw.classes)} classes; "
                "raise it to have an image of each"
            )
        raw = replace(raw, train=_subset(raw.train, source.limit), test=_subset(raw.test, source.limit))
    count = len(raw.train.labels) + len(raw.test.labels)
    rows = max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // raw.train.read(np.array([0])).nbytes))
    with atomic_directory(out_dir) as folder, progress(f"preparing {name}", count) as advance:
        train, test = (split.chunks(rows, advance) for split in (raw.train, raw.test))
        statistics = write_split(folder, "train", train, name=name, classes=raw.classes)
        write_split(folder, "test", test, name=name, classes=raw.classes, statistics=statistics)


def _subset(split: RawSplit, count: int) -> RawSplit:
    rows = stratified(split.labels, count, seed=0)
    return RawSplit(split.labels[rows], lambda chosen: split.read(rows[chosen]))
