"""Which images a model is trained on: copies of one split, mixed without taking an image twice."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from friendfoe.data.store import ShardedImages
from friendfoe.training.images import TrainingImages
from tests.training.helpers import CPU


def copies(count, number):
    """Copy c of image i holds the value i at one pixel and c at the other."""
    pixels = [torch.zeros(count, 1, 1, 2, dtype=torch.uint8) for _ in range(number)]
    for c, copy in enumerate(pixels):
        copy[:, 0, 0, 0], copy[:, 0, 0, 1] = torch.arange(count), c
    return pixels


@given(count=st.integers(1, 200), number=st.integers(1, 3), share=st.floats(0.01, 1), seed=st.integers(0, 2**62))
def test_labels_fit_images_and_shares_are_kept(count, number, share, seed):
    labels = torch.arange(count) * 7 % 10
    images = TrainingImages(copies(count, number), labels, share, seed, CPU)
    stored = images.stored(torch.arange(len(images)))
    numbers, copy = stored[:, 0, 0, 0].long(), stored[:, 0, 0, 1].long()
    assert torch.equal(images.labels, labels[numbers])
    take = max(1, round(count * share))
    assert torch.bincount(copy).tolist() == [take] * number
    for c in range(number):
        assert len(numbers[copy == c].unique()) == take
    if number * take <= count:  # the copies share no image
        assert len(numbers.unique()) == len(numbers)


@given(seed=st.integers(0, 1000), share=st.sampled_from([0.3, 0.5, 1.0]))
def test_memory_mapped_images_are_the_same(seed, share):
    plain = copies(40, 2)
    sharded = [ShardedImages(list(copy.split(15))) for copy in plain]
    labels = torch.arange(40)
    a = TrainingImages(plain, labels, share, seed, CPU)
    b = TrainingImages(sharded, labels, share, seed, CPU)
    positions = torch.randperm(len(a), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(a.take(positions)[0], b.take(positions)[0])
    assert a.sha256() == b.sha256()


def test_models_that_are_compared_take_the_same_half():
    clean, assistive = copies(100, 2)
    labels = torch.arange(100)
    a = TrainingImages([clean], labels, 0.5, 3, CPU)
    b = TrainingImages([assistive], labels, 0.5, 3, CPU)
    assert torch.equal(a.labels, b.labels)
    assert torch.equal(TrainingImages([clean, assistive], labels, 0.5, 3, CPU).labels[:50], a.labels)


def test_fewer_images_are_the_first_of_the_same_order():
    clean, assistive = copies(100, 2)
    labels = torch.arange(100)
    whole, few = (TrainingImages([clean], labels, 1.0, 3, CPU, limit=limit) for limit in (None, 20))
    assert torch.equal(few.labels, whole.labels[:20])
    mixed = TrainingImages([clean, assistive], labels, 0.5, 3, CPU, limit=20)  # a half of each, and no image twice
    assert torch.equal(mixed.labels, few.labels)
    held_out = TrainingImages([clean], labels, 1.0, 3, CPU, held_out=0.3, limit=20)
    assert torch.equal(held_out.labels, few.labels)
    assert len(TrainingImages([clean], labels, 1.0, 3, CPU, limit=500)) == 100


def test_images_are_floats_between_0_and_1():
    images = TrainingImages([torch.tensor([[[[0, 51, 255]]]], dtype=torch.uint8)], torch.tensor([0]), 1.0, 0, CPU)
    assert torch.equal(images.take(torch.tensor([0]))[0], torch.tensor([[[[0.0, 0.2, 1.0]]]]))
