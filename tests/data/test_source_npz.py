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
        ((4, 3, 6, 3), (0, 3, 1, 2)),  # where both could be, channels are last
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


def test_other_keys_class_names_and_floats(preparation: Any, rng: np.random.Generator) -> None:
    saved = arrays(rng)
    np.savez_compressed(
        preparation.root / "toy.npz",
        x_train=saved["train_images"] / np.float32(255),
        y_train=LABELS,
        x_test=saved["test_images"] / 255,
        y_test=LABELS,
        classes=np.array(["cat", "dog", "cow", "fox"]),
        val_images=np.zeros(3),
    )
    train, test = preparation(kind="npz", path="toy.npz")
    assert torch.equal(train.images[:, 0], torch.from_numpy(saved["train_images"]))
    assert torch.equal(test.images[:, 0], torch.from_numpy(saved["test_images"]))
    assert train.classes == test.classes == ["cat", "dog", "cow", "fox"]


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
