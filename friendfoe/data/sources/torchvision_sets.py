"""Public data sets as torchvision knows them: its addresses, checksums, class names and readers.

Downloading is ours (`download.py`): torchvision leaves broken files behind, writes to the terminal, and asks for
2.5 GB of unlabelled STL-10 images that nobody needs here.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from friendfoe.data.sources.config import SourceConfig
from friendfoe.data.sources.download import Download, check_published, damaged, provide
from friendfoe.data.sources.raw import Raw, RawSplit, check_labels

# as class_names.txt in the archive has them
_STL10_CLASSES = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]


class TorchvisionSetConfig(SourceConfig):
    """A public data set that torchvision knows; its raw files are found under the data root or downloaded there."""

    kind: Literal["mnist", "fashion_mnist", "cifar10", "cifar100", "svhn", "stl10"]

    def read(self, data_root: Path) -> Raw:
        """Read a published data set with its own training and test images.

        Raises:
            UserError: raw files are missing and cannot be downloaded, or are damaged.
        """
        from torchvision import datasets  # which brings torch

        match self.kind:
            case "mnist":
                return _idx(self.kind, datasets.MNIST, [str(digit) for digit in range(10)], data_root)
            case "fashion_mnist":
                return _idx(self.kind, datasets.FashionMNIST, datasets.FashionMNIST.classes, data_root)
            case "cifar10":
                return _cifar(self.kind, datasets.CIFAR10, data_root)
            case "cifar100":
                return _cifar(self.kind, datasets.CIFAR100, data_root)
            case "svhn":
                return _svhn(datasets.SVHN, data_root)
            case "stl10":
                return _stl10(data_root)


def _idx(name: str, dataset: Any, classes: list[str], data_root: Path) -> Raw:
    from torchvision.datasets import mnist

    folder = data_root / dataset.__name__ / "raw"
    downloads = []
    for archive, md5 in dataset.resources:
        urls = tuple(mirror + archive for mirror in dataset.mirrors)
        downloads.append(Download(urls, folder / archive, md5, (folder / archive.removesuffix(".gz"),)))
    provide(name, downloads, data_root)
    splits = []
    for stem in ("train", "t10k"):
        path = folder / f"{stem}-images-idx3-ubyte"
        images = _read_idx(mnist.read_image_file, path)
        labels = _read_idx(mnist.read_label_file, folder / f"{stem}-labels-idx1-ubyte")
        check_labels(labels, len(images), len(classes), path)
        splits.append(RawSplit.in_memory(images[:, None], labels))
    return Raw(classes, *splits)


def _read_idx(reader: Callable[[str], Any], path: Path) -> NDArray[Any]:
    # the md5 of an unpacked file is not published, but its header says how long it is
    try:
        array: NDArray[Any] = reader(str(path)).numpy()
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise damaged(path, f"no complete IDX file ({error})") from error
    return array


def _cifar(name: str, dataset: Any, data_root: Path) -> Raw:
    meta = [dataset.meta["filename"], dataset.meta["md5"]]
    _provide_checked(name, dataset, [*dataset.train_list, *dataset.test_list, meta], data_root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy 2.4 on the age of these pickles
        train, test = dataset(data_root, train=True), dataset(data_root, train=False)
    return Raw(train.classes, *(_split(part.data.transpose(0, 3, 1, 2), part.targets) for part in (train, test)))


def _svhn(dataset: Any, data_root: Path) -> Raw:
    splits = [dataset.split_list[split] for split in ("train", "test")]
    provide("svhn", [Download((url,), data_root / file, md5) for url, file, md5 in splits], data_root)
    for _, file, md5 in splits:
        check_published(data_root / file, md5)
    train, test = dataset(data_root, split="train"), dataset(data_root, split="test")
    return Raw([str(digit) for digit in range(10)], *(_split(part.data, part.labels) for part in (train, test)))


def _stl10(data_root: Path) -> Raw:
    from torchvision.datasets import STL10

    class LabelledSTL10(STL10):
        """Without the unlabelled images, which torchvision would check each time."""

        train_list = STL10.train_list[:2]

    _provide_checked("stl10", STL10, [*LabelledSTL10.train_list, *STL10.test_list], data_root)
    train, test = (LabelledSTL10(data_root, split=split) for split in ("train", "test"))
    return Raw(_STL10_CLASSES, *(_split(part.data, part.labels) for part in (train, test)))


def _provide_checked(name: str, dataset: Any, files: list[list[str]], data_root: Path) -> None:
    """Provide the files of one archive and check each, so that a damaged one is named; pickles need it most."""
    folder = data_root / dataset.base_folder
    paths = tuple(folder / file for file, _ in files)
    archive = Download((dataset.url,), data_root / dataset.filename, dataset.tgz_md5, paths)
    provide(name, [archive], data_root)
    for path, (_, md5) in zip(paths, files, strict=True):
        check_published(path, md5)


def _split(images: Any, labels: Any) -> RawSplit:
    return RawSplit.in_memory(images, np.asarray(labels, dtype=np.int64))
