"""Crops and flips: every one that may come does, and none depends on the batch."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from friendfoe.training.augmentation import crop_and_flip


def all_of(image):
    """Each of the 9 x 9 shifts of an image, plain and mirrored."""
    padded = F.pad(image, (4,) * 4)
    _, height, width = image.shape
    crops = [padded[:, top : top + height, left : left + width] for top in range(9) for left in range(9)]
    return [*crops, *(crop.flip(2) for crop in crops)]


def test_all_shifts_and_flips_come_up_about_equally_often():
    image = torch.rand(2, 6, 5, generator=torch.Generator().manual_seed(0)) + 0.1
    made = crop_and_flip(image.expand(8100, -1, -1, -1), torch.arange(8100), seed=3)
    counts = torch.stack([(made == wanted).all((1, 2, 3)).sum() for wanted in all_of(image)])
    assert counts.sum() == 8100
    assert counts.min() > 20  # of 50 that are expected of each
    assert counts.max() < 90


@settings(deadline=None)
@given(seed=st.integers(0, 2**62), first=st.integers(1, 9))
def test_an_image_is_augmented_alike_in_every_batch(seed, first):
    images, samples = torch.rand(10, 3, 8, 8), torch.arange(10) * 7
    whole = crop_and_flip(images, samples, seed)
    parts = [crop_and_flip(images[rows], samples[rows], seed) for rows in (slice(first), slice(first, None))]
    assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(whole, crop_and_flip(images, samples, seed + 1))
