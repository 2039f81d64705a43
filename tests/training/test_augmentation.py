"""Augmentation: every crop and flip that may come does, and nothing depends on the batch."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from friendfoe.training.augmentation import augmented, crop_and_flip, import_for


def all_crops(image):
    """Each of the 9 x 9 shifts of an image, plain and mirrored."""
    padded = F.pad(image, (4,) * 4)
    _, height, width = image.shape
    crops = [padded[:, top : top + height, left : left + width] for top in range(9) for left in range(9)]
    return [*crops, *(crop.flip(2) for crop in crops)]


def test_all_shifts_and_flips_come_up_about_equally_often():
    image = torch.rand(2, 6, 5, generator=torch.Generator().manual_seed(0)) + 0.1
    crops = crop_and_flip(image.expand(8100, -1, -1, -1), torch.arange(8100), seed=3)
    counts = torch.stack([(crops == crop).all((1, 2, 3)).sum() for crop in all_crops(image)])
    assert counts.sum() == 8100
    assert counts.min() > 20  # of 50 that are expected of each
    assert counts.max() < 90


@settings(deadline=None)
@given(seed=st.integers(0, 2**62), first=st.integers(1, 9))
def test_an_image_is_augmented_alike_in_every_batch(seed, first):
    images, ids = torch.rand(10, 3, 8, 8), torch.arange(10) * 7
    whole = crop_and_flip(images, ids, seed)
    parts = [crop_and_flip(images[rows], ids[rows], seed) for rows in (slice(first), slice(first, None))]
    assert torch.equal(whole, torch.cat(parts))
    assert not torch.equal(whole, crop_and_flip(images, ids, seed + 1))


def test_what_strong_augmentation_needs_is_imported_before_processes_fork(monkeypatch):
    imported = []
    monkeypatch.setattr("friendfoe.training.augmentation._v2", lambda: imported.append("torchvision"))
    import_for([None, "crop-flip"])
    assert not imported
    import_for([None, "autoaugment"])
    assert imported == ["torchvision"]


STRONG = ("autoaugment", "randaugment", "augmix")


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)], ids=str)
@pytest.mark.parametrize("kind", STRONG)
def test_strong_augmentation_is_the_same_in_every_batch_and_at_every_time(kind, shape):
    images, ids = torch.rand(24, *shape), torch.arange(24) * 7
    before = torch.get_rng_state()
    whole = augmented(kind, images, ids, 3)
    torch.rand(5)
    parts = [augmented(kind, images[rows], ids[rows], 3) for rows in (slice(1), slice(1, 24))]
    assert torch.equal(whole, torch.cat(parts))
    assert whole.shape == images.shape
    assert whole.dtype == images.dtype
    assert 0 <= whole.min() <= whole.max() <= 1
    assert not torch.equal(whole, augmented(kind, images, ids, 4))
    torch.set_rng_state(before)
    augmented(kind, images, ids, 3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", STRONG)
def test_strong_augmentation_changes_each_image_in_its_own_way(kind):
    image = torch.rand(1, 3, 32, 32)
    variants = augmented(kind, image.expand(40, -1, -1, -1), torch.arange(40), 0)
    assert len(variants.flatten(1).unique(dim=0)) > 10


@pytest.mark.parametrize("kind", ["autoaugment", pytest.param("randaugment", marks=pytest.mark.slow)])
def test_strong_augmentation_makes_of_an_image_what_torchvision_makes_as_often(kind):
    from torchvision.transforms import v2

    image = torch.randint(0, 256, (3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    transform = v2.RandAugment() if kind == "randaugment" else v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = Counter(transform(image).numpy().tobytes() for _ in range(6000))
    ours = (
        (augmented(kind, (image / 255).expand(6000, -1, -1, -1), torch.arange(6000), 5) * 255).round().to(torch.uint8)
    )
    counts = Counter(result.numpy().tobytes() for result in ours)
    common = [result for result, count in expected.items() if count >= 60]
    assert len(common) > 10
    for result in common:  # five standard deviations of a difference
        assert abs(counts[result] - expected[result]) < 5 * (2 * expected[result]) ** 0.5
    assert sum(counts[result] for result in counts if result in expected) > 5700


def test_no_augmentation_gives_the_images_themselves():
    images = torch.rand(2, 1, 8, 8)
    assert augmented(None, images, torch.arange(2), 0) is images
