"""Writing the prepared form: safetensors, in shards above a size limit, from chunks that are never all in memory.

`STEM.safetensors` holds the labels (if any), the metadata and, up to the limit, the images. Above it the images are in
`STEM-00000-of-00004.safetensors`, ... beside it. Nothing here needs torch, which would be most of the time to prepare.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

GIB = 1 << 30
HEADER = "friendfoe"  # the entry of the metadata that holds the header, as JSON


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel over the training images, in the unit of images in [0, 1].

    The deviation of a constant channel is given as 1, so that dividing by it is safe.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


class ShardWriter:
    """Collects images up to `shard_bytes` and writes a shard whenever more come."""

    def __init__(self, directory: Path, stem: str, shard_bytes: int = GIB) -> None:
        self._directory, self._stem, self._shard_bytes = directory, stem, shard_bytes
        self._buffer: NDArray[np.uint8] | None = None
        self._filled = 0
        self._shards: list[Path] = []

    def add(self, images: NDArray[np.uint8]) -> None:
        """Take uint8 [n, C, H, W]; the shape of one image is that of the first call."""
        if self._buffer is None:
            rows = max(1, self._shard_bytes // max(1, images[:1].nbytes))
            self._buffer = np.empty((rows, *images.shape[1:]), dtype=np.uint8)  # the system gives pages as they fill
        while len(images):
            if self._filled == len(self._buffer):
                self._write_shard(self._buffer)
            taken = images[: len(self._buffer) - self._filled]
            self._buffer[self._filled : self._filled + len(taken)] = taken
            self._filled += len(taken)
            images = images[len(taken) :]

    def finish(self, tensors: dict[str, NDArray[np.int64]], header: dict[str, Any]) -> None:
        """Write what is left, and `STEM.safetensors` with `tensors` and `header`."""
        from safetensors.numpy import save_file

        assert self._buffer is not None, "a split without images"
        rest = self._buffer[: self._filled]
        whole = self._directory / f"{self._stem}.safetensors"
        if not self._shards:
            save_file({"images": rest, **tensors}, whole, _metadata(header))
            return
        self._write_shard(rest)
        count = len(self._shards)
        for index, shard in enumerate(self._shards):
            shard.rename(self._directory / shard_name(self._stem, index, count))
        save_file(tensors, whole, _metadata({**header, "shards": count}))

    def _write_shard(self, images: NDArray[np.uint8]) -> None:
        from safetensors.numpy import save_file

        # the name tells how many there are, which is known at the end
        shard = self._directory / f"{self._stem}-{len(self._shards):05d}.partial"
        save_file({"images": images}, shard)
        self._shards.append(shard)
        self._filled = 0


def _metadata(header: dict[str, Any]) -> dict[str, str]:
    # safetensors writes several entries in random order: equal sets would differ for DVC
    return {HEADER: json.dumps(header)}


def shard_name(stem: str, index: int, count: int) -> str:
    """Give the file name of one shard of `count`."""
    return f"{stem}-{index:05d}-of-{count:05d}.safetensors"


def write_split(
    directory: Path,
    split: str,
    chunks: Iterable[tuple[ArrayLike, ArrayLike]],
    *,
    name: str,
    classes: list[str],
    statistics: Statistics | None = None,
    shard_bytes: int = GIB,
) -> Statistics:
    """Write a split from `chunks` of images uint8 [n, C, H, W] and labels int64 [n]; return its statistics.

    Args:
        directory: an existing folder.
        split: "train" or "test".
        chunks: in order; arrays or CPU tensors. `[(images, labels)]` writes a set that is in memory.
        name: of the data set.
        classes: class names in the order of the labels.
        statistics: those of the training images, for the test split; computed from the images when missing.
        shard_bytes: largest size of the images of one file, in bytes.
    """
    writer = ShardWriter(directory, split, shard_bytes)
    content = hashlib.sha256()
    histogram: NDArray[np.int64] | None = None
    all_labels = []
    shape: tuple[int, ...] = ()
    for chunk in chunks:
        images, labels = np.ascontiguousarray(chunk[0], dtype=np.uint8), np.asarray(chunk[1], dtype=np.int64)
        writer.add(images)
        content.update(images.data)
        all_labels.append(labels)
        shape = images.shape[1:]
        if statistics is None:
            counted = _histogram(images)
            histogram = counted if histogram is None else histogram + counted
    labels = np.concatenate(all_labels)
    content.update(content_end(labels, (len(labels), *shape)))
    if histogram is not None:
        statistics = _statistics(histogram)
    assert statistics is not None
    header = {"name": name, "classes": classes, "sha256": content.hexdigest(), **asdict(statistics)}
    writer.finish({"labels": labels}, header)
    return statistics


def content_end(labels: NDArray[np.int64], shape: tuple[int, ...]) -> bytes:
    """Give what follows the image bytes in the SHA-256 of a split: its labels (little-endian) and its shape."""
    return labels.astype("<i8").tobytes() + "x".join(map(str, shape)).encode()


def _histogram(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count the 256 values of each channel: [C, 256], exact whatever the order of the chunks."""
    channels = [np.bincount(images[:, channel].ravel(), minlength=256) for channel in range(images.shape[1])]
    return np.stack(channels).astype(np.int64)


def _statistics(histogram: NDArray[np.int64]) -> Statistics:
    values = np.arange(256) / 255
    weights = histogram / histogram.sum(axis=1, keepdims=True)
    mean = weights @ values
    std = np.sqrt((weights * (values - mean[:, None]) ** 2).sum(axis=1))
    return Statistics(tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist()))
