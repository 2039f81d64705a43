"""Public data sets as torchvision knows them: its addresses, checksums, class names and readers.

Raw files are found under the data root, unpacked from an archive there, or downloaded. Downloading is ours: torchvision
leaves broken files behind, writes to the terminal, and asks for 2.5 GB of unlabelled STL-10 images that nobody needs
here.
"""

import gzip
import shutil
import sys
import tarfile
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Literal, cast
from urllib.request import Request, urlopen

from numpy.typing import NDArray

from friendfoe.data.sources.config import Raw, RawSplit, SourceConfig, check_count, check_labels
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_path

_BLOCK = 1 << 18  # bytes
_TIMEOUT = 15  # seconds without an answer

_DIGITS = [str(digit) for digit in range(10)]
# as class_names.txt in the archive has them
_STL10_CLASSES = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]


class TorchvisionSetConfig(SourceConfig):
    """A public data set that torchvision knows; its raw files are found under the data root or downloaded there."""

    kind: Literal["mnist", "fashion_mnist", "cifar10", "cifar100", "svhn", "stl10"]

    @property
    def known(self) -> tuple[int, int, int]:
        """As published."""
        images = {"svhn": (73_257, 26_032), "stl10": (5000, 8000), "cifar10": (50_000, 10_000)}
        images["cifar100"] = images["cifar10"]
        return (*images.get(self.kind, (60_000, 10_000)), 100 if self.kind == "cifar100" else 10)

    def read(self, data_root: Path) -> Raw:
        """Read a published data set with its own training and test images; missing files are downloaded."""
        from torchvision import datasets  # which brings torch

        match self.kind:
            case "mnist":
                return _idx(self.kind, datasets.MNIST, _DIGITS, data_root)
            case "fashion_mnist":
                return _idx(self.kind, datasets.FashionMNIST, datasets.FashionMNIST.classes, data_root)
            case "cifar10" | "cifar100":
                return _cifar(self.kind, getattr(datasets, self.kind.upper()), data_root)
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
        # the md5 of an unpacked file is not published, but its header says how long it is
        downloads.append(_Download(urls, folder / archive, md5, {folder / archive.removesuffix(".gz"): None}))
    _provide(name, downloads, data_root)
    splits = []
    for stem in ("train", "t10k"):
        path = folder / f"{stem}-images-idx3-ubyte"
        images = _read_idx(mnist.read_image_file, path)
        labels = _read_idx(mnist.read_label_file, folder / f"{stem}-labels-idx1-ubyte")
        check_count(len(labels), len(images), path)
        check_labels(labels, len(classes), path)
        splits.append(RawSplit.in_memory(images[:, None], labels))
    return Raw(classes, *splits)


def _read_idx(reader: Callable[[str], Any], path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = reader(str(path)).numpy()
    except (AssertionError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _damaged(path, f"no complete IDX file ({error})") from error
    return array


def _cifar(name: str, dataset: Any, data_root: Path) -> Raw:
    meta = [dataset.meta["filename"], dataset.meta["md5"]]
    _provide_archive(name, dataset, [*dataset.train_list, *dataset.test_list, meta], data_root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy 2.4 on the age of these pickles
        train, test = dataset(data_root, train=True), dataset(data_root, train=False)
    splits = (RawSplit.in_memory(part.data.transpose(0, 3, 1, 2), part.targets) for part in (train, test))
    return Raw(train.classes, *splits)


def _svhn(dataset: Any, data_root: Path) -> Raw:
    splits = [dataset.split_list[split] for split in ("train", "test")]
    _provide("svhn", [_Download((url,), data_root / file, md5) for url, file, md5 in splits], data_root)
    return _by_split(dataset, _DIGITS, data_root)


def _stl10(data_root: Path) -> Raw:
    from torchvision.datasets import STL10

    class LabelledSTL10(STL10):
        """Without the unlabelled images, which torchvision would check each time."""

        train_list = STL10.train_list[:2]

    _provide_archive("stl10", STL10, [*LabelledSTL10.train_list, *STL10.test_list], data_root)
    return _by_split(LabelledSTL10, _STL10_CLASSES, data_root)


def _by_split(dataset: Any, classes: list[str], data_root: Path) -> Raw:
    parts = [dataset(data_root, split=split) for split in ("train", "test")]
    return Raw(classes, *(RawSplit.in_memory(part.data, part.labels) for part in parts))


def _provide_archive(name: str, dataset: Any, files: list[list[str]], data_root: Path) -> None:
    holds: dict[Path, str | None] = {data_root / dataset.base_folder / file: md5 for file, md5 in files}
    _provide(name, [_Download((dataset.url,), data_root / dataset.filename, dataset.tgz_md5, holds)], data_root)


@dataclass(frozen=True)
class _Download:
    """A file of a public data set and what is in it."""

    urls: tuple[str, ...]  # mirrors, tried in order
    path: Path  # where it is kept
    md5: str  # of the file
    # the raw files that are unpacked from it (.gz: one; .tar.gz: those of the same name), each with its md5 if that is
    # published; empty when the downloaded file is itself the raw file
    holds: dict[Path, str | None] = field(default_factory=dict)


def _provide(name: str, downloads: list[_Download], data_root: Path) -> None:
    """See that the raw files of data set `name` are there and whole: unpack or download what is missing.

    Each is checked by its md5, so that a damaged one is named; pickles need it most.

    Raises:
        UserError: files are missing and cannot be downloaded; one is damaged or another than the published one; the
            data root cannot be written.
    """
    from torchvision.datasets.utils import calculate_md5  # which brings torch

    for download in downloads:
        files = download.holds or {download.path: download.md5}
        missing = [path for path in files if not path.is_file()]
        if missing and not download.path.is_file() and (reason := _fetch(download)) is not None:
            others = f" (nor {', '.join(path.name for path in missing[1:])})" if missing[1:] else ""
            raise UserError(
                f"no raw data for {name}: there is no {missing[0]}{others}, and the download failed ({reason}); put "
                f"the files under {data_root}, or set FRIENDFOE_DATA to the folder that holds them"
            )
        if missing and download.holds:
            _unpack(download, missing)
        for path, md5 in files.items():
            if md5 and (digest := calculate_md5(path)) != md5:
                raise _damaged(path, f"its md5 is {digest}, that of the published file {md5}")


def _damaged(path: Path, reason: object) -> UserError:
    """Make the error for a raw file that is not what it should be."""
    return UserError(f"{path} is damaged: {reason}; delete it and run the command again to have it downloaded")


def _fetch(download: _Download) -> str | None:
    """Download from the first mirror that gives the file; where none does, give the reason."""
    reason = None
    for url in download.urls:
        try:
            with urlopen(Request(url, headers={"User-Agent": "friendfoe"}), timeout=_TIMEOUT) as response:
                _save(response, download)
            return None
        except (OSError, HTTPException) as error:  # no network, no such file, a broken connection, a timeout
            reason = str(getattr(error, "reason", error))
    return reason


def _save(response: IO[bytes], download: _Download) -> None:
    """Write a download with a progress bar; it is there under its name only when it is whole."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
    from torchvision.datasets.utils import calculate_md5

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with atomic_path(download.path) as partial, bar:
        task = bar.add_task(download.path.name, total=getattr(response, "length", None))
        with partial.open("wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                bar.advance(task, len(block))
        if calculate_md5(partial) != download.md5:
            raise OSError("what came is not the published file")


def _unpack(download: _Download, missing: list[Path]) -> None:
    """Unpack the missing files, each under its name only when it is whole."""
    try:
        if download.path.name.endswith(".tar.gz"):
            with tarfile.open(download.path) as archive:
                for path in missing:
                    member = archive.extractfile(f"{path.parent.name}/{path.name}")
                    if member is None:  # a folder, a pipe, ...
                        raise tarfile.TarError(f"its {path.name} is no file")
                    _copy(member, path)
        else:
            (path,) = missing
            with gzip.open(download.path) as packed:
                _copy(cast(IO[bytes], packed), path)
    except (EOFError, KeyError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise _damaged(download.path, error) from error


def _copy(source: IO[bytes], path: Path) -> None:
    with atomic_path(path) as partial, partial.open("wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)
