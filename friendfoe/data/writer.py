"""Writing the prepared form: safetensors, in shards above a size limit, from chunks that are never all in memory.

`STEM.safetensors` holds the labels (if any), the metadata and, up to the limit, the images. Above it the images are in
`STEM-00000-of-00004.safetensors`, ... beside it, and `STEM.safetensors` has a CRC-32 for every block of about 1 MiB in
them: shards are never read whole, and a block is compared when something of it is first read. Nothing here needs torch,
which would be most of the time to prepare.
"""

import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

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
    """Writes images as they come, into another shard whenever one has `shard_bytes`."""

    def __init__(self, directory: Path, stem: str, shard_bytes: int = GIB) -> None:
        self._directory, self._stem, self._shard_bytes = directory, stem, shard_bytes
        self._shape: tuple[int, ...] = ()  # of an image
        self._rows, self._block = 0, 0  # of a shard, and of what has a checksum
        self._shards: list[Path] = []
        self._file: IO[bytes] | None = None
        self._filled = 0  # rows of the last shard
        self._checksums: list[int] = []

    def add(self, images: NDArray[np.uint8]) -> None:
        """Take uint8 [n, C, H, W]; the shape of one image is that of the first call."""
        if not self._shape:
            self._shape, self._block = images.shape[1:], block_rows(images)
            self._rows = max(1, self._shard_bytes // max(1, images[:1].nbytes))
        while len(images):
            if self._file is None or self._filled == self._rows:
                self._file = self._next()
            in_block = self._filled % self._block
            taken = images[: min(self._block - in_block, self._rows - self._filled)]
            content = np.ascontiguousarray(taken).data
            self._file.write(content)
            if not in_block:
                self._checksums.append(0)
            self._checksums[-1] = zlib.crc32(content, self._checksums[-1])
            self._filled += len(taken)
            images = images[len(taken) :]

    def finish(self, tensors: dict[str, NDArray[Any]], header: dict[str, Any]) -> None:
        """Finish the last shard, and write `STEM.safetensors` with `tensors` and `header`."""
        assert self._file is not None, "a split without images"
        start = self._head(self._rows)
        self._file.seek(0)
        self._file.write(self._head(self._filled, len(start)))
        self._file.close()
        if len(self._shards) > 1:
            count = len(self._shards)
            for index, shard in enumerate(self._shards):
                shard.rename(self._directory / shard_name(self._stem, index, count))
            header = {**header, "shards": count}
            tensors = {"checksums": np.array(self._checksums), **tensors}
        else:
            images = np.fromfile(self._shards[0], np.uint8, offset=len(start)).reshape(-1, *self._shape)
            tensors = {"images": images, **tensors}
        files.write(save_file, tensors, self._directory / f"{self._stem}.safetensors", json.dumps(header))
        if len(self._shards) == 1:
            self._shards[0].unlink()

    def _next(self) -> IO[bytes]:
        """Begin a shard."""
        if self._file is not None:
            self._file.close()
        # the name tells how many there are, which is known at the end
        self._shards.append(self._directory / f"{self._stem}-{len(self._shards):05d}.partial")
        file, self._filled = self._shards[-1].open("wb"), 0
        file.write(self._head(self._rows))
        return file

    def _head(self, rows: int, length: int = 0) -> bytes:
        """What stands before so many images in a file of safetensors, https://github.com/huggingface/safetensors#format.

        Its library writes what is in memory as a whole.
        """
        shape = [rows, *self._shape]
        tensor = {"dtype": "U8", "shape": shape, "data_offsets": [0, math.prod(shape)]}
        text = json.dumps({"images": tensor}, separators=(",", ":"))
        text = text.ljust(length - 8 if length else -(-len(text) // 8) * 8)
        return len(text).to_bytes(8, "little") + text.encode()


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
