import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from friendfoe.runtime.errors import UserError

LABELS = np.array([0, 1, 2, 1])


def arrays(rng: np.random.Generator, shape: tuple[int, ...] = (4, 6, 5), **changes: Any) -> dict[str, Any]:
    defaults = {
        "train_images": rng.integers(0, 256, shape, dtype=np.uint8),
        "train_labels": LABELS,
        "test_images": rng.integers(0, 256, shape, dtype=np.uint8),
        "test_labels": LABELS[:, None].astype(np.uint8),  # as MedMNIST has them
    } | changes
    return {key: array for key, array in defaults.items() if array is not None}


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4, 6, 5), None),
        ((4, 6, 5, 3), (0, 3, 1, 2)),
        ((4, 6, 5, 1), (0, 3, 1, 2)),
        ((4, 3, 6, 5), (0, 1, 2, 3)),
    ],
)
def test_layouts(preparation: Any, rng: np.random.Generator, shape: tuple[int, ...], axes: Any) -> None:
    saved = arrays(rng, shape)
    np.savez(preparation.root / "toy.npz", **saved)
    train, test = preparation(kind="npz", path="toy.npz")
    for split, images in ((train, saved["train_images"]), (test, saved["test_images"])):
        expected = images[:, None] if axes is None else images.transpose(axes)
        assert torch.equal(split.images[:], torch.from_numpy(np.ascontiguousarray(expected)))
        assert split.labels.tolist() == LABELS.tolist()
    assert train.classes == ["0", "1", "2"]


@pytest.mark.parametrize("shape", [(4, 3, 3, 3), (4, 3, 6, 3), (4, 1, 6, 1)])
def test_a_layout_that_the_shape_leaves_open(
    preparation: Any, rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    saved = arrays(rng, shape)
    np.savez(preparation.root / "toy.npz", **saved)
    with pytest.raises(
        UserError, match=r"train_images has shape .*: channels may be first or last; set `layout: nchw`"
    ):
        preparation(kind="npz", path="toy.npz")
    for layout, axes in (("nchw", (0, 1, 2, 3)), ("nhwc", (0, 3, 1, 2))):
        train, _ = preparation(kind="npz", path="toy.npz", layout=layout)
        assert np.array_equal(train.images[:].numpy(), saved["train_images"].transpose(axes))


def test_a_layout_that_the_shape_contradicts(preparation: Any, rng: np.random.Generator) -> None:
    np.savez(preparation.root / "toy.npz", **arrays(rng, (4, 6, 5, 3)))
    with pytest.raises(
        UserError, match=r"train_images has shape \[4, 6, 5, 3\]; save \[N, H, W\] or \[N, C, H, W\], C 1 or 3"
    ):
        preparation(kind="npz", path="toy.npz", layout="nchw")


def test_other_arrays_are_named(preparation: Any, rng: np.random.Generator, capsys: Any) -> None:
    np.savez(preparation.root / "toy.npz", **arrays(rng), val_images=np.zeros(3), note=np.array([None]))
    preparation(kind="npz", path="toy.npz")
    assert capsys.readouterr().err.endswith("raw/toy.npz: left out note, val_images\n")


def test_members_without_a_suffix(preparation: Any, rng: np.random.Generator) -> None:
    with zipfile.ZipFile(preparation.root / "toy.npz", "w", zipfile.ZIP_LZMA) as archive:
        for key, array in arrays(rng).items():
            file = io.BytesIO()
            np.save(file, array)
            archive.writestr(key, file.getvalue())
    train, _ = preparation(kind="npz", path="toy.npz")
    assert train.labels.tolist() == LABELS.tolist()


def test_other_keys_class_names_and_floats(preparation: Any, rng: np.random.Generator) -> None:
    saved = arrays(rng)
    np.savez_compressed(
        preparation.root / "toy.npz",
        x_train=saved["train_images"] / np.float32(255),
        y_train=LABELS,
        x_test=saved["test_images"] / 255,
        y_test=LABELS,
        classes=np.array(["cat", "dog", "cow"]),
        val_images=np.zeros(3),
    )
    train, test = preparation(kind="npz", path="toy.npz")
    assert torch.equal(train.images[:, 0], torch.from_numpy(saved["train_images"]))
    assert torch.equal(test.images[:, 0], torch.from_numpy(saved["test_images"]))
    assert train.classes == test.classes == ["cat", "dog", "cow"]


def test_names_of_classes_in_place_of_those_of_the_file(preparation: Any, rng: np.random.Generator) -> None:
    np.savez(preparation.root / "toy.npz", **arrays(rng), classes=np.array(["00000", "00001", "00002"]))
    train, test = preparation(kind="npz", path="toy.npz", classes=["cat", "dog", "cow"])
    assert train.classes == test.classes == ["cat", "dog", "cow"]
    with pytest.raises(UserError, match=r"has 3 classes, and `classes` of its source names 1"):
        preparation(kind="npz", path="toy.npz", classes=["cat"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_labels": np.array([0, 1, -1, 0])}, r"label -1 of image 2 is outside 0\.\.2; number the 3 classes"),
        ({"test_labels": np.array([0, 1, 7, 0]), "classes": np.array(["a", "b", "c"])}, r"label 7 of image 2 is out"),
        ({"train_labels": LABELS[:3]}, "holds 4 images but 3 labels; give one label per image"),
        ({"train_labels": LABELS / 1}, r"train_labels is float64 \[4\]; save one integer label per image"),
        ({"train_labels": np.zeros((4, 14), int)}, r"train_labels is int64 \[4, 14\]; save one integer label"),
        ({"train_labels": None}, "has no train_images and train_labels or x_train and y_train; save its train split"),
        ({"test_images": None}, "has no test_images and test_labels or x_test and y_test; save its test split"),
        (
            {"train_images": np.zeros((4, 6, 5), int)},
            r"train_images is int64; save it as uint8 or as float in \[0, 1\]",
        ),
        ({"train_images": np.full((4, 6, 5), 2.0)}, r"train_images is float64 and not all in \[0, 1\]; scale it"),
        ({"train_images": np.full((4, 6, 5), np.nan)}, r"train_images is float64 and not all in \[0, 1\]"),
        ({"train_images": np.zeros((4, 6), np.uint8)}, r"train_images has shape \[4, 6\]; save \[N, H, W\]"),
        ({"train_images": np.zeros((0, 2, 6, 5), np.uint8)}, r"train_images has shape \[0, 2, 6, 5\]; save"),
        ({"train_images": np.zeros((4, 6, 0), np.uint8)}, r"train_images has shape \[4, 6, 0\]; save"),
        ({"train_images": np.zeros((4, 2, 6, 5), np.uint8)}, r"train_images has shape \[4, 2, 6, 5\]; save"),
        ({"test_images": np.zeros((4, 6, 6), np.uint8)}, r"training images are 1x6x5 but test images 1x6x6"),
        ({"test_images": np.zeros((0, 6, 5), np.uint8), "test_labels": LABELS[:0]}, "holds no images; give at least"),
        ({"train_images": np.array([None] * 4)}, "holds arrays of Python objects; save plain number arrays"),
    ],
)
def test_arrays_that_are_no_data_set(
    preparation: Any, rng: np.random.Generator, changes: dict[str, Any], message: str
) -> None:
    np.savez(preparation.root / "toy.npz", **arrays(rng, **changes))
    with pytest.raises(UserError, match=rf"toy\.npz.*{message}"):
        preparation(kind="npz", path="toy.npz")
    assert not preparation.prepared.exists()


LABELS_OF_KINDS: list[tuple[Any, str]] = [
    (
        np.array([1, 2, 3, 2]),
        r"train_labels: label 3 of image 2 is outside 0\.\.2; number the 3 classes from 0 without gaps",
    ),
    (np.array([0, 3, 200, 3]), r"label 3 of image 1 is outside 0\.\.2"),
    (np.array([0, 1, 16_777_216, 1]), r"label 16777216 of image 2 is outside 0\.\.2"),
    (np.array([0, 1, 2**64 - 1, 1], np.uint64), r"label 18446744073709551615 of image 2 is outside 0\.\.2"),
    (np.array([0, 1, -(2**63), 1]), r"label -9223372036854775808 of image 2 is outside 0\.\.2"),
    (np.array([0, 1, np.nan, 1]), r"train_labels is float64 \[4\]; save one integer label per image"),
    (np.array([True, False, True, True]), r"train_labels is bool \[4\]; save one integer"),
    (
        np.array(["a", "b", "c", "b"]),
        r"train_labels is <U1 \[4\]; save .*; numpy\.unique\(labels, return_inverse=True\)",
    ),
    (np.eye(4, 3, dtype=int), r"train_labels is int64 \[4, 3\]; save .*; one-hot rows give it by `argmax\(1\)`"),
    (np.array([0, 1, 2, 1], "m8[s]"), r"train_labels is timedelta64\[s\] \[4\]; save one integer"),
    (np.int64(3), r"train_labels is int64 \[\]; save one integer"),
]


@pytest.mark.parametrize(("labels", "message"), LABELS_OF_KINDS)
def test_labels_that_number_no_classes(preparation: Any, rng: np.random.Generator, labels: Any, message: str) -> None:
    np.savez(preparation.root / "toy.npz", **arrays(rng, train_labels=labels))
    with pytest.raises(UserError, match=message):
        preparation(kind="npz", path="toy.npz")


def test_one_class_alone(preparation: Any, rng: np.random.Generator) -> None:
    labels = np.zeros(4, int)
    np.savez(preparation.root / "toy.npz", **arrays(rng, train_labels=labels, test_labels=labels))
    with pytest.raises(UserError, match=r"data set toy has a single class, 0: there is nothing to tell apart"):
        preparation(kind="npz", path="toy.npz")


def test_a_class_of_the_test_split_alone(preparation: Any, rng: np.random.Generator) -> None:
    saved = arrays(rng, train_labels=np.array([0, 1, 0, 1]))
    np.savez(preparation.root / "toy.npz", **saved)
    with pytest.raises(UserError, match=r"test_labels: label 2 of image 2 is outside 0\.\.1; number the 2 classes"):
        preparation(kind="npz", path="toy.npz")
    np.savez(preparation.root / "toy.npz", **saved, classes=np.array(["a", "b", "c"]))
    with pytest.raises(
        UserError, match=r"toy: there is no training image of class 'c' \(label 2\); add some, or leave"
    ):
        preparation(kind="npz", path="toy.npz")


NAMES_THAT_ARE_KEPT = (
    "00000", "1e5", "NaN", "None", "inf", "True", "2020-01-01", " a ", "-", "a|b", "<b>", "$x$", "\\alpha", "%", "_",
    "👩‍🔬", "猫", "a, b", '"', "'", "..", "a/b", "Cat", "cat", "x" * 300,
)  # fmt: skip


@pytest.mark.parametrize("kind", [np.str_, np.bytes_])
def test_class_names_are_kept(preparation: Any, rng: np.random.Generator, kind: Any) -> None:
    labels = np.arange(len(NAMES_THAT_ARE_KEPT))
    names = [name if kind is np.str_ else name.encode() for name in NAMES_THAT_ARE_KEPT]
    images = rng.integers(0, 256, (len(labels), 6, 5), dtype=np.uint8)
    saved = {"train_images": images, "train_labels": labels, "test_images": images, "test_labels": labels}
    np.savez(preparation.root / "toy.npz", **saved, classes=np.array(names, kind))
    train, test = preparation(kind="npz", path="toy.npz")
    assert train.classes == test.classes == list(NAMES_THAT_ARE_KEPT)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "b"], r"train_labels: label 2 of image 2 is outside 0\.\.1; number the 2 classes"),
        (["a", "b", "c", "d", "e"], r"no training image of class 'd' \(label 3\) and 1 more; add"),
        (["a", "b", "a"], "classes 0 and 2 are both called 'a'; rename or join them"),
        (["a", "b", "b "], "classes 1 and 2 are both called 'b '"),
        (["e\u0301", "b", "\u00e9"], "classes 0 and 2 are both called"),
        (["a", "b" * 1001, "c"], "the name of class 1 has 1001 characters; 1000 must do"),
        (np.array([], str), r"classes is <U1 \[0\]; save a string"),
        (["a", "", "c"], "the name of class 1 is empty; give it one"),
        (["a", " \t", "c"], "the name of class 1 is empty"),
        (["a", "b\nc", "c"], r"the name of class 1 has characters that cannot be seen: 'b\\nc'; rename it"),
        (["a", "\x1b[31m", "c"], "the name of class 1"),
        (["a", "\u2028b", "c"], "the name of class 1"),
        (np.array([b"a", b"\xff", b"c"]), "classes holds bytes that are not UTF-8"),
        (np.array([0.5, 1, 2]), r"classes is float64 \[3\]; save a string for each class, \[K\]"),
        (np.array([["a", "b", "c"]]), r"classes is <U1 \[1, 3\]"),
        (np.array(["a", 1, None], object), "classes holds arrays of Python objects"),
    ],
)
def test_class_names_that_are_none(preparation: Any, rng: np.random.Generator, names: Any, message: str) -> None:
    np.savez(preparation.root / "toy.npz", **arrays(rng), classes=np.asarray(names))
    with pytest.raises(UserError, match=message):
        preparation(kind="npz", path="toy.npz")


def header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    """That of a .npy file which claims this shape."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def replace_member(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for member, old in members.items():
            archive.writestr(member, content if member == name else old)


@pytest.mark.parametrize(
    "content",
    [
        header((10**15, 6, 5)),
        header((10**30, 6, 5)),
        header((-4, 6, 5)) + bytes(120),
        header((4, 6, 5), "<U1000000000"),
        header((4, 6, 5)) + bytes(119),
        header((4, 6, 5)) + bytes(121),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
        b"\x93NUMPY\x01\x00\x00\x20" + b"(" * 8192,
        b"\x93NUMPY\x09\x00",
        b"",
    ],
)
def test_headers_are_not_believed(preparation: Any, rng: np.random.Generator, content: bytes) -> None:
    path: Path = preparation.root / "toy.npz"
    np.savez(path, **arrays(rng))
    replace_member(path, "train_images.npy", content)
    with pytest.raises(UserError, match=r"toy\.npz (is no complete \.npz file|cannot be read) \(.+\); "):
        preparation(kind="npz", path="toy.npz")


def test_counts_are_compared_before_they_are_read(preparation: Any, rng: np.random.Generator) -> None:
    saved = arrays(rng, train_labels=np.zeros(20_000_000, np.int8))
    np.savez_compressed(preparation.root / "toy.npz", **saved)
    with pytest.raises(UserError, match=r"train_images holds 4 images but 20000000 labels; give one"):
        preparation(kind="npz", path="toy.npz")


def test_a_bomb(preparation: Any, rng: np.random.Generator) -> None:
    shape = (4, 1 << 12, 1 << 12)  # 64 MiB of zeros in 64 KiB
    np.savez_compressed(
        preparation.root / "toy.npz",
        **arrays(rng, train_images=np.zeros((5, *shape[1:]), np.uint8), train_labels=np.array([0, 1, 2, 0, 0])),
    )
    with pytest.raises(UserError, match=r"train_images unpacks to \d+ times its size, which images never do\)"):
        preparation(kind="npz", path="toy.npz")


def test_more_than_the_memory_holds(preparation: Any, rng: np.random.Generator, monkeypatch: Any) -> None:
    np.savez(preparation.root / "toy.npz", **arrays(rng))
    monkeypatch.setattr("friendfoe.data.sources.npz.available", lambda: 200)
    with pytest.raises(UserError, match=r"toy\.npz needs 0\.0 GiB of memory, there are 0\.0; save fewer or smaller"):
        preparation(kind="npz", path="toy.npz")


@pytest.mark.parametrize(("offset", "value"), [(6, 1), (8, 97)])  # the flag of encryption, the method of compression
def test_an_archive_that_zipfile_cannot_unpack(
    preparation: Any, rng: np.random.Generator, offset: int, value: int
) -> None:
    path: Path = preparation.root / "toy.npz"
    np.savez(path, **arrays(rng))
    content = bytearray(path.read_bytes())
    for signature, shift in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):  # of an entry, and of its row in the directory
        at = -1
        while (at := content.find(signature, at + 1)) >= 0:
            content[at + offset + shift] = value
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"toy\.npz cannot be read \(.*(encrypted|compression).*\); save it again with"):
        preparation(kind="npz", path="toy.npz")


def test_special_files_are_not_waited_for(preparation: Any) -> None:
    path: Path = preparation.root / "toy.npz"
    os.mkfifo(path)
    with pytest.raises(UserError, match=r"toy\.npz is no regular file; put one there"):
        preparation(kind="npz", path="toy.npz")
    for target in ("nowhere", "toy.npz"):  # a link that dangles, and one to itself
        path.unlink()
        path.symlink_to(target)
        with pytest.raises(UserError, match=r"there is no file .*toy\.npz; put it there"):
            preparation(kind="npz", path="toy.npz")


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("keep", [0, 10, 200, -30])
def test_a_truncated_file(preparation: Any, rng: np.random.Generator, keep: int, compressed: bool) -> None:
    path: Path = preparation.root / "toy.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays(rng))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"toy\.npz is no complete \.npz file \(.*\); make or download it again"):
        preparation(kind="npz", path="toy.npz")


def test_a_flipped_bit(preparation: Any, rng: np.random.Generator) -> None:
    path: Path = preparation.root / "toy.npz"
    np.savez(path, **arrays(rng))
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="is no complete"):
        preparation(kind="npz", path="toy.npz")


def test_a_missing_file_and_a_single_array(preparation: Any) -> None:
    with pytest.raises(UserError, match=r"there is no file .*raw/toy\.npz; put it there, or set FRIENDFOE_DATA"):
        preparation(kind="npz", path="toy.npz")
    np.save(preparation.root / "toy.npy", LABELS)
    with pytest.raises(UserError, match=r"toy\.npy is a single array; save images and labels with numpy\.savez"):
        preparation(kind="npz", path="toy.npy")
