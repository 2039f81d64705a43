"""Augmentation: every crop and flip that may come does, and nothing depends on the batch."""

from collections import Counter
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from friendfoe.runtime.draws import uniform
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
    monkeypatch.setattr("friendfoe.training.augmentation.transforms", lambda: imported.append("torchvision"))
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


class ByTorchvision:
    """The same draws, taken to torchvision's operations one image at a time."""

    def __init__(self, kind, height, width):
        from torchvision.transforms import v2

        self.kind, self.size = kind, (height, width)
        policy = v2.AutoAugmentPolicy.IMAGENET if min(height, width) >= 64 else v2.AutoAugmentPolicy.CIFAR10
        make = {"autoaugment": partial(v2.AutoAugment, policy), "randaugment": v2.RandAugment, "augmix": v2.AugMix}
        self.transform = make[kind]()
        self.space = self.transform._AUGMENTATION_SPACE

    def operation(self, image, name, bins, place, sign):
        magnitudes, signed = self.space[name][0](bins, *self.size), self.space[name][1]
        magnitude = 0.0 if magnitudes is None else float(magnitudes[place]) * (-1 if signed and sign < 0.5 else 1)
        interpolation, fill = self.transform.interpolation, self.transform._fill
        return self.transform._apply_image_or_video_transform(image, name, magnitude, interpolation, fill)

    def policy(self, image, draws):
        which, *rest = draws
        for place in range(2):
            if self.kind == "autoaugment":
                policies = self.transform._policies
                name, probability, strength = policies[int(which * len(policies))][place]
            else:
                names, probability, strength = [*self.space], 1, 9
                name = names[divmod(int(which * len(names) ** 2), len(names))[place]]
            if rest[place] < probability:
                image = self.operation(image, name, 10 if self.kind == "autoaugment" else 31, strength, rest[2 + place])
        return image

    def augmix(self, image, draws):
        kept, cuts, names = draws[0], sorted(draws[1:3]), [*self.space]
        mixed = torch.tensor(kept).float() * image
        for chain in range(3):
            length, *steps = draws[3 + 10 * chain : 13 + 10 * chain]
            changed = image
            for place in range(1 + int(3 * length)):
                name, sign, strength = steps[3 * place : 3 * place + 3]
                changed = self.operation(changed, names[int(name * len(names))], 10, int(3 * strength), sign)
            weight = [cuts[0], cuts[1] - cuts[0], 1 - cuts[1]][chain] * (1 - kept)
            mixed += torch.tensor(weight).float() * changed
        return mixed.to(torch.uint8)

    def __call__(self, levels, sample_ids, seed):
        draw, count = (self.augmix, 33) if self.kind == "augmix" else (self.policy, 5)
        draws = uniform(seed, sample_ids, count, stream=1).tolist()
        return torch.stack([draw(image, row) for image, row in zip(levels, draws, strict=True)])


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 24, 40), (3, 64, 64), (1, 2, 3)], ids=str)
@pytest.mark.parametrize("kind", STRONG)
def test_strong_augmentation_gives_the_bits_of_torchvision(kind, shape):
    levels = torch.randint(0, 256, (120, *shape), dtype=torch.uint8)
    levels[:40] = levels[:40] // 64 * 64 + 20  # with few levels
    levels[30:40] = levels[30:40, :1]  # of all channels the same
    levels[38:40] = 130
    expected = ByTorchvision(kind, *shape[1:])(levels, torch.arange(120) * 3, 4)
    ours = augmented(kind, levels.float() / 255, torch.arange(120) * 3, 4)
    assert torch.equal((ours * 255).round().to(torch.uint8), expected)


@pytest.mark.slow
def test_augmix_mixes_as_torchvision_does():
    from torchvision.transforms import v2

    image, transform = torch.randint(0, 256, (3, 8, 8), dtype=torch.uint8), v2.AugMix()
    theirs = torch.stack([transform(image) for _ in range(4000)]).double()
    ours = augmented("augmix", (image / 255).expand(4000, -1, -1, -1), torch.arange(4000), 5).double() * 255
    error = theirs.std(0) * (2 / 4000) ** 0.5
    assert ((ours.mean(0) - theirs.mean(0)).abs() < 5 * error).all()
    torch.testing.assert_close(ours.std(0), theirs.std(0), rtol=0.1, atol=0)


def test_no_augmentation_gives_the_images_themselves():
    images = torch.rand(2, 1, 8, 8)
    assert augmented(None, images, torch.arange(2), 0) is images
