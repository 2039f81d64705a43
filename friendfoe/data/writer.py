"""Writing the prepared form: safetensors, in shards above a size limit, from chunks that are never all in memory.

`STEM.safetensors` holds the labels (if any), the metadata and, up to the limit, the images. Above it the images are in
`STEM-00000-of-00004.safetensors`, ... beside it, and `STEM.safetensors` has a CRC-32 for every block of about 1 MiB in
them: shards are never read whole, and a block is compared when something of it is first read. Nothing here needs torch,
which would be most of the time to prepare.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors.numpy import save_file

from friendfoe.runtime import tensors as files

GIB = 1 << 30
_BLOCK_BYTES = 1 << 20


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
        self._checksums: list[int] = []

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

    def finish(self, tensors: dict[str, NDArray[Any]], header: dict[str, Any]) -> None:
        """Write what is left, and `STEM.safetensors` with `tensors` and `header`."""
        assert self._buffer is not None, "a split without images"
        rest = self._buffer[: self._filled]
        if self._shards:
            self._write_shard(rest)
            count = len(self._shards)
            for index, shard in enumerate(self._shards):
                shard.rename(self._directory / shard_name(self._stem, index, count))
            header = {**header, "shards": count}
            tensors = {"checksums": np.array(self._checksums), **tensors}
        else:
            tensors = {"images": rest, **tensors}
        files.write(save_file, tensors, self._directory / f"{self._stem}.safetensors", json.dumps(header))

    def _write_shard(self, images: NDArray[np.uint8]) -> None:
        # the name tells how many there are, which is known at the end
        shard = self._directory / f"{self._stem}-{len(self._shards):05d}.partial"
        save_file({"images": images}, shard)
        self._shards.append(shard)
        self._checksums += [zlib.crc32(block.data) for block in blocks(images)]
        self._filled = 0


def shard_name(stem: str, index: int, count: int) -> str:
    """Give the file name of one shard of `count`."""
    return f"{stem}-{index:05d}-of-{count:05d}.safetensors"


def block_rows(images: NDArray[np.uint8]) -> int:
    """Give how many images of a shard have a checksum together."""
    return max(1, _BLOCK_BYTES // max(1, images[:1].nbytes))


def blocks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Give the blocks of a shard, in order."""
    rows = block_rows(images)
    return (images[start : start + rows] for start in range(0, len(images), rows))


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
    """Write the split "train" or "test" of the data set `name` to an existing folder; return its statistics.

    The chunks are images uint8 [n, C, H, W] and labels int64 [n], as arrays or CPU tensors; `[(images, labels)]` writes
    a set that is in memory. Class names are in the order of the labels. For the test split, the statistics are those of
    the training images; without, they are computed. A file holds images of `shard_bytes` bytes at most.
    """
    writer = ShardWriter(directory, split, shard_bytes)
    content = hashlib.sha256()
    histogram: NDArray[np.int64] = np.zeros((1, 256), dtype=np.int64)
    all_labels = []
    for chunk in chunks:
        images, labels = np.ascontiguousarray(chunk[0], dtype=np.uint8), np.asarray(chunk[1], dtype=np.int64)
        writer.add(images)
        content.update(images.data)
        all_labels.append(labels)
        if statistics is None:
            histogram = histogram + np.stack([np.bincount(c.ravel(), minlength=256) for c in images.swapaxes(0, 1)])
    labels = np.concatenate(all_labels)
    content.update(content_end(labels, (len(labels), *images.shape[1:])))
    if statistics is None:
        statistics = _statistics(histogram)
    header = {"name": name, "classes": classes, "sha256": content.hexdigest(), **asdict(statistics)}
    writer.finish({"labels": labels}, header)
    return statistics


def content_end(labels: NDArray[np.int64], shape: tuple[int, ...]) -> bytes:
    """Give what follows the image bytes in the SHA-256 of a split: its labels (little-endian) and its shape."""
    return labels.astype("<i8").tobytes() + "x".join(map(str, shape)).encode()


def _statistics(histogram: NDArray[np.int64]) -> Statistics:
    """From how often each channel has each of the 256 values, [C, 256]: exact whatever the order of the chunks."""
    values = np.arange(256) / 255
    weights = histogram / histogram.sum(axis=1, keepdims=True)
    mean = weights @ values
    std = np.sqrt((weights * (values - mean[:, None]) ** 2).sum(axis=1))
    return Statistics(tuple(mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist()))
