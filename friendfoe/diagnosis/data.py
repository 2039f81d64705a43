"""Images and labels as a word names them: a folder, an npz file, or a data set that is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from friendfoe.data.sources.config import RawSplit, SourceConfig
from friendfoe.data.sources.folder import list_classes, read_classes
from friendfoe.data.sources.npz import NpzConfig
from friendfoe.data.stratified import stratified
from friendfoe.diagnosis.unfit import UnfitError
from friendfoe.runtime.kinds import kinds
from friendfoe.runtime.strict import nearest

_CHUNK = 256  # images that are read at once


@dataclass(frozen=True)
class Data:
    """Images uint8 [N, C, H, W], labels int64 [N], their rows in the set that they are of, and its classes."""

    name: str
    images: Tensor
    labels: Tensor
    samples: NDArray[np.int64]
    classes: list[str]


def read(
    word: str, data_root: Path, *, size: int | None = None, count: int | None = None, classes: Sequence[str] = ()
) -> Data:
    """Read test images.

    Args:
        word: a folder `CLASS/*` or `test/CLASS/*`; an npz file with `test_images` and `test_labels`, or with `images`
            and `labels`; a data set such as `mnist`, which is found under the data root or downloaded there.
        data_root: of data sets that are named.
        size: side in pixels that images of a folder are resized and cropped to.
        count: how many, the classes in proportion; None: all.
        classes: names in the order in which the model knows them; labels of a folder follow it.

    Raises:
        UserError: there is no such set, or it is damaged; classes are unknown.
    """
    path = Path(word).expanduser()
    if path.is_dir():
        given = bool(classes)
        train, test = path / "train", path / "test"
        names, split = read_classes(test if test.is_dir() else path, size)
        if not classes and test.is_dir() and train.is_dir():
            classes = [*list_classes(train)]  # numbered as in training: some may have no test images
        labels = _by_name(names, split.labels, classes, path, "--classes" if given else "train")
        names = [*classes] or names
    else:
        if path.is_file() and path.suffix == ".npz":
            names, split = NpzConfig.model_validate({"kind": "npz", "path": path.absolute()}).read_one(Path())
        else:
            names, split = _named(word, path, data_root)
        labels = split.labels
        if classes and len(classes) < len(names):
            raise UnfitError(f"{word} has {len(names)} classes, and --classes names {len(classes)}; name all")
        names = [*classes] or names
        if size is not None:
            raise UnfitError(f"--size is of image folders; the images of {word} are as they are")
    rows = np.arange(len(labels)) if count is None or count >= len(labels) else stratified(labels, count, seed=0)
    parts = [split.read(rows[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK)]
    images = torch.from_numpy(np.ascontiguousarray(np.concatenate(parts)))
    return Data(path.stem, images, torch.from_numpy(labels[rows]), rows, names)


def _named(word: str, path: Path, data_root: Path) -> tuple[list[str], RawSplit]:
    known = [name for name, kind in kinds(SourceConfig).items() if not _needs_more(kind)]
    if word not in known:
        if path.exists():
            raise UnfitError(f"{word} is neither a folder nor an npz file; save images and labels by numpy.savez")
        raise UnfitError(f"there is no folder, npz file or data set '{word}'; {nearest(word, known)}")
    raw = SourceConfig.model_validate({"kind": word}).read(data_root)  # it needs no more than its name
    return raw.classes, raw.test


def _needs_more(kind: type[SourceConfig]) -> bool:
    return any(field.is_required() for name, field in kind.model_fields.items() if name != kind.tag)


def _by_name(
    names: list[str], labels: NDArray[np.int64], classes: Sequence[str], path: Path, where: str
) -> NDArray[np.int64]:
    """Labels in the order of `classes`, where these are given."""
    if not classes:
        return labels
    for name in names:
        if name not in classes:
            raise UnfitError(f"{path} has images of class '{name}', which {where} lacks; {nearest(name, [*classes])}")
    return np.array([list(classes).index(name) for name in names], dtype=np.int64)[labels]
