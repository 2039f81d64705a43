"""Reading the prepared form: splits with labels, and perturbed sets that hold images only."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open

from friendfoe.data.stratified import stratified
from friendfoe.data.writer import GIB, ShardWriter, block_rows, blocks, content_end, shard_name
from friendfoe.runtime import tensors as files
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.recorded import remedy
from friendfoe.runtime.strict import Strict

_CHUNK_ROWS = 4096


class ShardedImages:
    """uint8 images [N, C, H, W] in memory-mapped shards: indexing reads the chosen rows and nothing else.

    With checksums (int64, of every block of every shard) it also reads the rest of a block, and compares it, the first
    time that it reads a row of it: once in a process, so that all of a large set is read once more at most.
    `damaged` gives what is to be raised where a shard is not as it was written.
    """

    def __init__(
        self,
        shards: list[torch.Tensor],
        checksums: NDArray[np.int64] | None = None,
        damaged: Callable[[int], Exception] = ValueError,
    ) -> None:
        self.shape = torch.Size((sum(map(len, shards)), *shards[0].shape[1:]))
        self.dtype = shards[0].dtype
        # NumPy copies a few rows in one thread: torch starts several for them, ten times slower on a busy machine
        self._shards = [shard.numpy() for shard in shards]
        self._starts = np.cumsum([0, *map(len, shards)])  # first row of each shard, and the end
        self._rows = np.arange(len(self))
        self._unread = [np.full(len([*blocks(shard)]), checksums is not None) for shard in self._shards]
        ends = np.cumsum([len(unread) for unread in self._unread])
        self._checksums = [] if checksums is None else np.split(checksums, ends[:-1])
        self._damaged = damaged
        if checksums is not None and len(checksums) != ends[-1]:
            raise _DamageError(f"it has {len(checksums)} checksums for {ends[-1]} blocks of its shards")

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: torch.Tensor | slice) -> torch.Tensor:
        """Give the images of an index tensor int64 [n], of a mask bool [N] or of a slice, as uint8 [n, C, H, W].

        Raises:
            IndexError: a row outside -N..N-1, or a mask of another length.
            UserError: a block is damaged.
        """
        rows = self._rows[index if isinstance(index, slice) else index.cpu().numpy()]
        images = np.empty((len(rows), *self.shape[1:]), dtype=np.uint8)
        shard_of = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(shard_of):
            here = np.flatnonzero(shard_of == number)
            inside = rows[here] - self._starts[number]
            self._check(number, inside)
            images[here] = self._shards[number][inside]
        return torch.from_numpy(images)

    def _check(self, number: int, rows: NDArray[np.int64]) -> None:
        """Compare the blocks of a shard that hold these rows, where that was not done before."""
        shard, unread = self._shards[number], self._unread[number]
        size = block_rows(shard)
        chosen = np.unique(rows // size)
        for block in chosen[unread[chosen]]:
            if zlib.crc32(shard[block * size : (block + 1) * size].data) != self._checksums[number][block]:
                raise self._damaged(number)
            unread[block] = False


class ReadImages:
    """uint8 images of this shape, [N, C, H, W], of which indexing reads the chosen rows, int64 [n]."""

    def __init__(self, shape: torch.Size, read: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.shape, self.dtype, self._read = shape, torch.uint8, read

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: torch.Tensor | slice) -> torch.Tensor:
        """Give the images of an index tensor int64 [n], of a mask bool [N] or of a slice, as uint8 [n, C, H, W]."""
        return self._read(torch.arange(len(self))[index])


Images = torch.Tensor | ShardedImages | ReadImages


@dataclass(frozen=True, eq=False)
class Split:
    """The training or test images of a prepared data set.

    Attributes:
        name: of the data set.
        images: uint8 [N, C, H, W]; a tensor, or memory-mapped shards that give one when indexed.
        labels: int64 [N] in 0..len(classes)-1.
        classes: class names in the order of the labels.
        sha256: of the content: images, labels and shape, however they are stored.
        mean, std: of each channel over the training images (for the test split too), for images in [0, 1].
    """

    name: str
    images: Images
    labels: torch.Tensor
    classes: list[str]
    sha256: str
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """C, H, W of one image."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, count: int | None) -> torch.Tensor | None:
        """`count` rows, int64 in ascending order, the classes in proportion; None, for all, where there are no more."""
        if count is None or count >= len(self):
            return None
        return torch.from_numpy(stratified(self.labels.numpy(), count, seed=0))

    def some(self, count: int) -> torch.Tensor:
        """The same, int64, but for all rows where there are no more."""
        rows = self.rows(count)
        return torch.arange(len(self)) if rows is None else rows


def load_split(directory: Path, split: str, *, verify: bool = False) -> Split:
    """Read "train" or "test" of a prepared data set, such as data/prepared/mnist; to verify: compare the SHA-256 too.

    Raises:
        UserError: missing or damaged files.
    """
    path = directory / f"{split}.safetensors"
    with _reading(path, f"pipelines/data/dvc.yaml:prepare@{directory.name}", _SplitHeader) as (tensors, header):
        loaded = Split(images=tensors["images"], labels=tensors["labels"], **header.model_dump(exclude={"shards"}))
        images, labels = loaded.images, loaded.labels
        if labels.dtype != torch.int64 or labels.shape != (len(images),):
            raise _DamageError(f"it has {len(images)} images but labels {list(labels.shape)} of {labels.dtype}")
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(loaded.classes):
            raise _DamageError(f"its labels are not all in 0..{len(loaded.classes) - 1}")
        if verify and (digest := _content_sha256(loaded)) != loaded.sha256:
            raise _DamageError(f"its content has the SHA-256 {digest[:12]}... but {loaded.sha256[:12]}... was written")
    return loaded


def write_images(path: Path, images: torch.Tensor | Iterable[torch.Tensor], *, shard_bytes: int = GIB) -> None:
    """Write perturbed images, uint8 [N, C, H, W] or chunks of them, to `path` (`NAME.safetensors`) or its shards.

    The labels are those of the prepared split that the images were made from.
    """
    writer = ShardWriter(path.parent, path.stem, shard_bytes)
    for chunk in [images] if isinstance(images, torch.Tensor) else images:
        writer.add(chunk.cpu().numpy())
    writer.finish({}, {})


def load_images(path: Path, like: Split | None = None) -> Images:
    """Read the images that `write_images` wrote; with `like`, check that they can be copies of its images.

    Raises:
        UserError: missing or damaged files, or images of another number or shape than those of `like`.
    """
    data, study, split, name = ("DATA", "STUDY", "SPLIT", "NAME", *path.absolute().parts[:-1])[-4:]
    with _reading(path, f"pipelines/{study}/dvc.yaml:perturb-{split}@{data}-{name}", _ImagesHeader) as (tensors, _):
        images: Images = tensors["images"]
        if like is not None and images.shape != like.images.shape:
            raise _DamageError(f"it holds {_size(images)} for the {_size(like.images)} of {like.name}")
    return images


class _DamageError(Exception):
    """What is wrong with a file, before its name and the remedy are added."""


class _ImagesHeader(Strict, strict=False):
    shards: int | None = Field(default=None, ge=1)


class _SplitHeader(_ImagesHeader):
    name: str
    classes: list[str]
    sha256: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


H = TypeVar("H", bound=_ImagesHeader)


@contextmanager
def _reading(path: Path, stage: str, kind: type[H]) -> Iterator[tuple[dict[str, Any], H]]:
    """Give the tensors and the header of a file; what turns out to be wrong with it is told with the remedy.

    Its images are read whole, or mapped where they are in shards; `stage` makes it.
    """

    def damaged(file: Path, what: object) -> UserError:
        return UserError(f"{file} {what}; {remedy(file) or f'make it again: `dvc repro -f -s {stage}`'}")

    def map_shard(shard: Path) -> torch.Tensor:
        try:
            with safe_open(shard, framework="pt") as file:
                images: torch.Tensor = file.get_tensor("images")
        except (FileNotFoundError, SafetensorError) as error:
            raise damaged(shard, f"is damaged: {error}") from error
        return images

    try:
        files.check(path)
        with safe_open(path, framework="pt") as file:
            header = kind.model_validate_json(files.header(file.metadata()))
            # a clone is memory of our own: what happens to the file later does not matter
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118 (it is no mapping)
        if count := header.shards:
            checksums = tensors["checksums"].flatten().numpy()
            if count > len(checksums):
                raise _DamageError(f"it has {len(checksums)} checksums for {count} shards")
            shards = [path.with_name(shard_name(path.stem, index, count)) for index in range(count)]
            tensors["images"] = ShardedImages(
                [map_shard(shard) for shard in shards],
                checksums,
                lambda number: damaged(shards[number], "is damaged: its checksums are not those of its content"),
            )
        images = tensors["images"]
        if images.dtype != torch.uint8 or len(images.shape) != 4:
            raise _DamageError(f"its images are {_size(images)} of {images.dtype}, not uint8 [N, C, H, W]")
        yield tensors, header
    except FileNotFoundError as error:
        raise UserError(f"there is no {path}; run `dvc repro {stage}` to make it") from error
    except files.ForeignError as error:
        again = remedy(path, ours=False) or f"move it away and make the set: `dvc repro {stage}`"
        raise UserError(f"{path} is not of friendfoe but {error}; {again}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise damaged(path, f"is damaged: its header: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (files.DamageError, SafetensorError, _DamageError, KeyError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise damaged(path, f"is damaged: {what}") from error


def _size(images: Images) -> str:
    return "x".join(map(str, images.shape))


def _content_sha256(split: Split) -> str:
    content = hashlib.sha256()
    for start in range(0, len(split), _CHUNK_ROWS):
        content.update(split.images[start : start + _CHUNK_ROWS].contiguous().numpy().data)
    content.update(content_end(split.labels.numpy(), tuple(split.images.shape)))
    return content.hexdigest()
