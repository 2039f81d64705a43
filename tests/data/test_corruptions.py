"""Corruptions: deterministic, in [0, 1], the same in every batch, and worse with severity on real images."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_sample_images

from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, SEVERITIES, corrupt

ALL = (*CORRUPTIONS, *MNIST_C)
# by their published constants a severity is not always farther from the clean image than the one before
UNEVEN = {"glass_blur", "motion_blur", "spatter", "frost", "fog"}


def digits():
    return torch.from_numpy(load_digits().images).float().unsqueeze(1)[:200] / 16


def photographs(side):
    """Pieces of the two photographs that come with scikit-learn, float [N, 3, side, side]."""
    both = torch.from_numpy(np.stack(load_sample_images().images)).movedim(3, 1).float() / 255
    pieces = both[:, :, 100:324].unfold(3, 224, 208).movedim(3, 1).flatten(0, 1)
    return torch.nn.functional.interpolate(pieces, (side, side), mode="area").clamp(0, 1)


def idx(folder):
    path = Path(os.environ.get("FRIENDFOE_DATA", "data/raw")) / folder / "raw" / "t10k-images-idx3-ubyte"
    if not path.exists():
        pytest.skip(f"there is no {path}; set FRIENDFOE_DATA to the folder of raw data")
    return torch.from_numpy(np.fromfile(path, np.uint8)[16:].reshape(-1, 1, 28, 28)[:200]).float() / 255


SETS = {
    "digits": digits,
    "mnist": lambda: idx("MNIST"),
    "fashion_mnist": lambda: idx("FashionMNIST"),
    "photographs-32": lambda: photographs(32).repeat(8, 1, 1, 1),
    "photographs-224": lambda: photographs(224),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (3, 24, 40)], ids=str)
def test_an_image_is_corrupted_alike_in_every_batch(name, shape):
    images = torch.rand(7, *shape)
    samples = torch.arange(7) * 11
    for severity in (1, 5):
        whole = corrupt(images, name, severity, seed=4, samples=samples)
        assert whole.shape == images.shape
        assert whole.dtype == images.dtype
        assert 0 <= whole.min() <= whole.max() <= 1
        parts = [
            corrupt(images[rows], name, severity, seed=4, samples=samples[rows]) for rows in (slice(1), slice(1, 7))
        ]
        assert torch.equal(whole, torch.cat(parts))


@pytest.mark.parametrize("data", SETS)
@pytest.mark.parametrize("name", ALL)
def test_the_distance_to_the_clean_image_grows_with_severity(name, data):
    clean = SETS[data]()
    corrupted = (corrupt(clean, name, severity, seed=0) for severity in SEVERITIES)
    distances = [(images - clean).square().mean().item() for images in corrupted]
    slope = np.polyfit(SEVERITIES, distances, 1)[0]
    assert slope > 0, distances
    assert distances[0] < distances[-1], distances
    if name not in UNEVEN and data != "digits":
        assert distances == sorted(distances)
