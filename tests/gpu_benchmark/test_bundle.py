"""A bundle that was carried in parts and unpacked holds what was packed."""

import sys
import zipfile

import numpy as np
import pytest

from benchmarks.gpu import bundle, unpack
from friendfoe.data.sources.config import SourceConfig
from friendfoe.runtime.errors import UserError

SHAPES = {"cifar10": (32, 32, 3), "fashion_mnist": (28, 28)}


@pytest.fixture
def data(tmp_path):
    """Raw data as NAME.npz: ten classes of random images."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, shape in SHAPES.items():
        arrays = {"classes": np.array([f"class {number}" for number in range(10)])}
        for split, count in (("train", 50), ("test", 20)):
            arrays[f"{split}_images"] = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
            arrays[f"{split}_labels"] = np.arange(count) % 10
        np.savez(folder / f"{name}.npz", **arrays)
    return folder


def read(folder, name):
    return SourceConfig.model_validate({"kind": "npz", "path": f"{name}.npz"}).read(folder)


def whole(split):
    return split.read(np.arange(len(split.labels)))


@pytest.fixture
def unpacked(tmp_path, monkeypatch):
    def run(folder):
        monkeypatch.setattr(sys, "argv", ["unpack", str(folder), "--to", str(tmp_path / "there")])
        return unpack.main(), tmp_path / "there" / "data"

    return run


@pytest.mark.parametrize("name", SHAPES)
def test_images_labels_and_classes_arrive_in_parts(data, tmp_path, unpacked, name):
    file = bundle.packed(name, data, tmp_path / "sets")
    parts = bundle.divide([file], 40_000, tmp_path / "bundle")
    assert len(parts) > 1
    assert all(sum(piece.stat().st_size for piece in part.iterdir()) <= 40_000 for part in parts)
    status, there = unpacked(tmp_path / "bundle")
    assert status == 0
    sent, arrived = read(data, name), read(there, name)
    assert sent.classes == arrived.classes
    for split in ("train", "test"):
        before, after = getattr(sent, split), getattr(arrived, split)
        assert np.array_equal(whole(before), whole(after))
        assert np.array_equal(before.labels, after.labels)


def test_a_share_has_the_classes_in_proportion(data, tmp_path, unpacked):
    bundle.divide([bundle.packed("cifar10:20", data, tmp_path / "sets")], 10**6, tmp_path / "bundle")
    raw = read(unpacked(tmp_path / "bundle")[1], "cifar10")
    assert np.bincount(raw.train.labels).tolist() == [2] * 10
    assert len(raw.test.labels) == 20


def test_what_is_not_whole_yet_is_said_and_the_rest_is_unpacked(data, tmp_path, unpacked, capsys):
    files = [bundle.packed(name, data, tmp_path / "sets") for name in ("fashion_mnist", "cifar10")]
    *_, last = bundle.divide(files, 80_000, tmp_path / "bundle")
    last.rename(tmp_path / "not here")
    status, there = unpacked(tmp_path / "bundle")
    assert status == 0
    assert [file.name for file in there.iterdir()] == ["fashion_mnist.npz"]
    assert "note: cifar10.xz: " in capsys.readouterr().err


def test_what_was_damaged_on_the_way_is_refused(data, tmp_path, unpacked, capsys):
    (part,) = bundle.divide([bundle.packed("cifar10", data, tmp_path / "sets")], 10**6, tmp_path / "bundle")
    piece = part / "cifar10.xz.000"
    content = bytearray(piece.read_bytes())
    content[len(content) // 2] ^= 1
    piece.write_bytes(content)
    assert unpacked(tmp_path / "bundle")[0] == 1
    assert capsys.readouterr().err == "error: cifar10.xz is damaged; carry its parts again\n"


def test_a_folder_that_is_no_bundle_is_said(tmp_path, unpacked, capsys):
    assert unpacked(tmp_path)[0] == 1
    assert "holds no part of a bundle; `make gpu-bundle` makes it" in capsys.readouterr().err


def test_data_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UserError, match=r"holds neither cifar-10-batches-py nor cifar10\.npz"):
        bundle.packed("cifar10", tmp_path, tmp_path / "sets")
    with pytest.raises(UserError, match="there is no data set 'cifar11' here; known: cifar10, fashion_mnist"):
        bundle.packed("cifar11", tmp_path, tmp_path / "sets")


def a_wheel(folder):
    wheel, about = folder / "toy-1.0-py3-none-any.whl", "toy-1.0.dist-info"
    files = {
        "toy.py": "VALUE = 42\n",
        "examples/model.pt": "0" * 1000,
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in {**files, f"{about}/RECORD": record}.items():
            archive.writestr(name, content)
    return wheel


def test_trained_networks_stay_out_of_wheels(tmp_path):
    wheel = a_wheel(tmp_path)
    bundle._slim(wheel)
    with zipfile.ZipFile(wheel) as archive:
        assert "examples/model.pt" not in archive.namelist()
        assert archive.read("toy.py") == b"VALUE = 42\n"
        assert b"model.pt" not in archive.read("toy-1.0.dist-info/RECORD")
        assert b"toy.py,," in archive.read("toy-1.0.dist-info/RECORD")


@pytest.mark.slow
def test_wheels_are_installed_without_a_network(tmp_path, unpacked):
    wheel = a_wheel(tmp_path)
    bundle._slim(wheel)
    bundle.divide([wheel], 20_000, tmp_path / "bundle")
    assert unpacked(tmp_path / "bundle")[0] == 0
    assert (tmp_path / "there/site/toy.py").read_text() == "VALUE = 42\n"
