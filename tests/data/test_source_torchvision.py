"""Small files in the published formats; their checksums are entered where torchvision keeps those of the real ones."""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch
import torchvision.datasets as published

from friendfoe.runtime.errors import UserError

Patch = pytest.MonkeyPatch
MNISTS = [("mnist", published.MNIST), ("fashion_mnist", published.FashionMNIST)]
CIFARS = [("cifar10", published.CIFAR10), ("cifar100", published.CIFAR100)]


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def write(path: Path, content: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5(content)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes()


def idx_files(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The four files of an MNIST of 30 and 20 images."""
    files = {}
    for stem, count in (("train", 30), ("t10k", 20)):
        files[f"{stem}-images-idx3-ubyte"] = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files[f"{stem}-labels-idx1-ubyte"] = (np.arange(count) % 10).astype(np.uint8)
    return files


@pytest.mark.parametrize(("kind", "dataset"), MNISTS)
@pytest.mark.parametrize("packed", [False, True])
def test_mnist_and_fashion_mnist(
    preparation: Any, rng: np.random.Generator, kind: str, dataset: Any, packed: bool
) -> None:
    files = idx_files(rng)
    folder = preparation.root / dataset.__name__ / "raw"
    for name, array in files.items():
        write(folder / (f"{name}.gz" if packed else name), gzip.compress(idx(array)) if packed else idx(array))
    train, test = preparation(kind, kind=kind)
    for split, stem in ((train, "train"), (test, "t10k")):
        assert torch.equal(split.images[:, 0], torch.from_numpy(files[f"{stem}-images-idx3-ubyte"]))
        assert split.labels.tolist() == files[f"{stem}-labels-idx1-ubyte"].tolist()
    assert train.classes[9] == {"mnist": "9", "fashion_mnist": "Ankle boot"}[kind]
    assert sorted(path.suffix for path in folder.iterdir()) == [""] * 4 + [".gz"] * 4 * packed


@pytest.mark.parametrize("keep", [0, 3, 16, 500])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_a_truncated_idx_file_is_named(preparation: Any, rng: np.random.Generator, name: str, keep: int) -> None:
    folder = preparation.root / "MNIST" / "raw"
    for file, array in idx_files(rng).items():
        write(folder / file, idx(array)[: keep if file == name else None])
    if keep > 28:
        keep = min(keep, len((folder / name).read_bytes()) - 1)
        (folder / name).write_bytes((folder / name).read_bytes()[:keep])
    message = rf"raw/{name} is damaged: no complete IDX file \(.*\); delete it and run the command again"
    with pytest.raises(UserError, match=message):
        preparation("mnist", kind="mnist")
    assert not preparation.prepared.exists()


def test_labels_that_do_not_fit(preparation: Any, rng: np.random.Generator) -> None:
    folder = preparation.root / "MNIST" / "raw"
    files = idx_files(rng)
    for file, array in files.items():
        write(folder / file, idx(array))
    write(folder / "t10k-labels-idx1-ubyte", idx(files["train-labels-idx1-ubyte"]))
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte holds 20 images but 30 labels"):
        preparation("mnist", kind="mnist")
    write(folder / "t10k-labels-idx1-ubyte", idx(np.full(20, 10, np.uint8)))
    with pytest.raises(UserError, match=r"label 10 of image 0 is outside 0\.\.9"):
        preparation("mnist", kind="mnist")


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("mnist", "MNIST/raw/train-images-idx3-ubyte"),
        ("fashion_mnist", "FashionMNIST/raw/train-images-idx3-ubyte"),
        ("cifar10", r"cifar-10-batches-py/data_batch_1 \(nor data_batch_2, .*, batches\.meta\)"),
        ("cifar100", r"cifar-100-python/train \(nor test, meta\)"),
        ("svhn", r"train_32x32\.mat"),
        ("stl10", r"stl10_binary/train_X\.bin \(nor train_y\.bin, test_X\.bin, test_y\.bin\)"),
    ],
)
def test_missing_and_offline_is_one_line(preparation: Any, capfd: Any, kind: str, file: str) -> None:
    message = (
        rf"^no raw data for {kind}: there is no .*raw/{file}, and the download failed \(no network\); "
        r"put the files under .*raw, or set FRIENDFOE_DATA to the folder that holds them$"
    )
    with pytest.raises(UserError, match=message):
        preparation(kind, kind=kind)
    assert capfd.readouterr() == ("", "")
    assert list(preparation.root.rglob("*")) == []


@pytest.fixture
def served_mnist(tmp_path: Path, monkeypatch: Patch, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Mirrors in a folder: the first has nothing, the second a small MNIST."""
    files = idx_files(rng)
    resources = [
        (f"{name}.gz", write(tmp_path / "m" / f"{name}.gz", gzip.compress(idx(files[name])))) for name in files
    ]
    monkeypatch.setattr(published.MNIST, "resources", resources)
    monkeypatch.setattr(published.MNIST, "mirrors", [f"file://{tmp_path}/nothing/", f"file://{tmp_path}/m/"])
    monkeypatch.setattr("friendfoe.data.sources.torchvision_sets.urlopen", urllib.request.urlopen)
    return files


def test_missing_files_are_downloaded(preparation: Any, capfd: Any, served_mnist: dict[str, np.ndarray]) -> None:
    train, _ = preparation("mnist", kind="mnist")
    assert torch.equal(train.images[:, 0], torch.from_numpy(served_mnist["train-images-idx3-ubyte"]))
    assert capfd.readouterr() == ("", "")


def test_a_broken_download_is_not_kept(preparation: Any, tmp_path: Path, served_mnist: dict[str, np.ndarray]) -> None:
    archive = tmp_path / "m" / "train-images-idx3-ubyte.gz"
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"the download failed \(what came is not the published file\); put"):
        preparation("mnist", kind="mnist")
    assert [path for path in preparation.root.rglob("*") if path.is_file()] == []


def test_a_damaged_archive_is_named(preparation: Any, rng: np.random.Generator) -> None:
    folder = preparation.root / "MNIST" / "raw"
    for name, array in idx_files(rng).items():
        write(folder / f"{name}.gz", gzip.compress(idx(array))[: -20 if name.startswith("t10k-images") else None])
    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte\.gz is damaged: .*; delete it and run"):
        preparation("mnist", kind="mnist")
    assert not (folder / "t10k-images-idx3-ubyte").exists()


def cifar_files(rng: np.random.Generator, dataset: Any) -> dict[str, bytes]:
    labels = "labels" if dataset is published.CIFAR10 else "fine_labels"
    classes = 10 if dataset is published.CIFAR10 else 100
    files = {}
    for name, _ in dataset.train_list + dataset.test_list:
        batch = {"data": rng.integers(0, 256, (classes, 3072), dtype=np.uint8), labels: [*range(classes)]}
        files[name] = pickle.dumps(batch)
    files[dataset.meta["filename"]] = pickle.dumps({dataset.meta["key"]: [f"class {i}" for i in range(classes)]})
    return files


def enter_checksums(monkeypatch: Patch, dataset: Any, files: dict[str, bytes]) -> None:
    for table in ("train_list", "test_list"):
        entered = [[name, md5(files[name])] for name, _ in getattr(dataset, table) if name in files]
        monkeypatch.setattr(dataset, table, entered)
    if hasattr(dataset, "meta"):
        monkeypatch.setattr(dataset, "meta", {**dataset.meta, "md5": md5(files[dataset.meta["filename"]])})


@pytest.mark.parametrize(("kind", "dataset"), CIFARS)
@pytest.mark.parametrize("packed", [False, True])
def test_cifar(
    preparation: Any, rng: np.random.Generator, monkeypatch: Patch, kind: str, dataset: Any, packed: bool
) -> None:
    files = cifar_files(rng, dataset)
    enter_checksums(monkeypatch, dataset, files)
    if packed:
        with tarfile.open(preparation.root / dataset.filename, "w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(f"{dataset.base_folder}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    else:
        for name, content in files.items():
            write(preparation.root / dataset.base_folder / name, content)
    train, test = preparation(kind, kind=kind)
    for split, batches in ((train, dataset.train_list), (test, dataset.test_list)):
        pixels = np.concatenate([pickle.loads(files[name])["data"] for name, _ in batches]).reshape(-1, 3, 32, 32)
        assert torch.equal(split.images[:], torch.from_numpy(pixels))
        assert split.labels.tolist() == [*range(len(split.classes))] * len(batches)
    assert train.classes == [f"class {i}" for i in range(len(train.classes))]


def test_an_archive_of_other_things_than_files(preparation: Any) -> None:
    archive = preparation.root / published.CIFAR10.filename
    with tarfile.open(archive, "w:gz") as packed:
        for name, _ in published.CIFAR10.train_list:
            member = tarfile.TarInfo(f"{published.CIFAR10.base_folder}/{name}")
            member.type = tarfile.FIFOTYPE
            packed.addfile(member)
    with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz is damaged: its data_batch_1 is no file; delete it"):
        preparation("cifar10", kind="cifar10")


def test_a_damaged_pickle_is_named_and_never_loaded(
    preparation: Any, rng: np.random.Generator, monkeypatch: Patch
) -> None:
    files = cifar_files(rng, published.CIFAR10)
    enter_checksums(monkeypatch, published.CIFAR10, files)
    for name, content in files.items():
        write(preparation.root / "cifar-10-batches-py" / name, content[: -1 if name == "data_batch_3" else None])
    monkeypatch.setattr("pickle.load", None)
    with pytest.raises(UserError, match=r"py/data_batch_3 is damaged: its md5 is \w+, that of the published file \w+;"):
        preparation("cifar10", kind="cifar10")


def test_svhn(preparation: Any, rng: np.random.Generator, monkeypatch: Patch) -> None:
    images = {"train": rng.integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)}
    images["test"] = images["train"][:10]
    table = {}
    for split, pixels in images.items():
        labels = np.arange(1, len(pixels) + 1)[:, None] % 10
        labels[labels == 0] = 10  # SVHN's label of the digit 0
        path = preparation.root / f"{split}_32x32.mat"
        scipy.io.savemat(path, {"X": pixels.transpose(2, 3, 1, 0), "y": labels.astype(np.uint8)})
        table[split] = ["file:///nothing", path.name, md5(path.read_bytes())]
    monkeypatch.setattr(published.SVHN, "split_list", table)
    train, test = preparation("svhn", kind="svhn")
    assert torch.equal(train.images[:], torch.from_numpy(images["train"]))
    assert train.labels.tolist() == [*range(1, 10), 0] * 2
    assert (len(test), test.classes[0]) == (10, "0")
    (preparation.root / "test_32x32.mat").write_bytes(b"MATLAB 5.0")
    with pytest.raises(UserError, match=r"test_32x32\.mat is damaged: its md5 is"):
        preparation("svhn", kind="svhn")


def test_stl10_needs_no_unlabelled_images(preparation: Any, rng: np.random.Generator, monkeypatch: Patch) -> None:
    pixels = rng.integers(0, 256, (10, 3, 96, 96), dtype=np.uint8)
    labels = np.arange(1, 11, dtype=np.uint8)
    by_column = pixels.transpose(0, 1, 3, 2).tobytes()
    files = {"train_X.bin": by_column, "train_y.bin": labels.tobytes()}
    files |= {"test_X.bin": by_column[: len(by_column) // 2], "test_y.bin": labels[:5].tobytes()}
    enter_checksums(monkeypatch, published.STL10, files)
    for name, content in files.items():
        write(preparation.root / "stl10_binary" / name, content)
    train, test = preparation("stl10", kind="stl10")
    assert torch.equal(train.images[:], torch.from_numpy(pixels))
    assert train.labels.tolist() == list(range(10))
    assert (len(test), train.classes[0], train.classes[9]) == (5, "airplane", "truck")
