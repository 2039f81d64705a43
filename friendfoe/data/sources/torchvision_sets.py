"""Public data sets as torchvision knows them: its addresses, checksums, class names and readers.

Downloading is ours (`download.py`): torchvision leaves broken files behind, writes to the terminal, and asks for
2.5 GB of unlabelled STL-10 images that nobody needs here.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torchvision.datasets as published

from friendfoe.data.recipes import Torchvision
from friendfoe.data.sources.download import Download, check_md5, provide
from friendfoe.data.sources.raw import Examples, Raw, check_labels
from friendfoe.errors import UserError


def read(source: Torchvision, data_root: Path) -> Raw:
    """Read a published data set with its own training and test images.

    Raises:
        UserError: raw files are missing and cannot be downloaded, or are damaged.
    """
    match source.kind:
        case "mnist":
            return _idx(published.MNIST, [str(digit) for digit in range(10)], data_root)
        case "fashion_mnist":
            return _idx(published.FashionMNIST, published.FashionMNIST.classes, data_root)
        case "cifar10":
            return _cifar(published.CIFAR10, data_root)
        case "cifar100":
            return _cifar(published.CIFAR100, data_root)
        case "svhn":
            return _svhn(data_root)
        case "stl10":
            return _stl10(data_root)


def _idx(dataset: Any, classes: list[str], data_root: Path) -> Raw:
    folder = data_root / dataset.__name__ / "raw"
    downloads = []
    for archive, md5 in dataset.resources:
        urls = tuple(mirror + archive for mirror in dataset.mirrors)
        downloads.append(Download(urls, folder / archive, md5, (folder / archive.removesuffix(".gz"),)))
    provide(dataset.__name__, downloads, data_root)
    splits = []
    for stem in ("train", "t10k"):
        path = folder / f"{stem}-images-idx3-ubyte"
        images = _decode(published.mnist.read_image_file, path)
        labels = _decode(published.mnist.read_label_file, folder / f"{stem}-labels-idx1-ubyte")
        check_labels(labels.numpy(), len(images), len(classes), path)
        splits.append(Examples.of(images[:, None].numpy(), labels.numpy()))
    return Raw(classes, *splits)
