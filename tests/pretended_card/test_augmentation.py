"""Augmentation on a card: the images of the CPU, without waiting for the card after the first step."""

import pytest
import torch

from friendfoe.training.augmentation import augmented
from tests.pretended_card import pretended


@pytest.mark.parametrize("kind", ["crop-flip", "autoaugment", "randaugment", "augmix"])
def test_no_augmentation_waits(kind):
    images, names = torch.rand(24, 3, 12, 10), torch.arange(24) * 7
    with pretended() as card:
        there = images.cuda(), names.cuda(), torch.tensor(3).cuda()
        augmented(kind, *there)
        card.clear()
        changed = augmented(kind, *there)
        assert not card.waits
        assert torch.equal(changed.cpu(), augmented(kind, images, names, 3))
