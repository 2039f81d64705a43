"""Corruptions on a card: the images of the CPU, in as many launches and waits for 9 images as for 3."""

import pytest
import torch

from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, corrupt
from tests.pretended_card import pretended


def done_on_card(images, name):
    with pretended() as card:
        there = images.cuda()
        card.clear()
        return corrupt(there, name, 3, seed=0).cpu(), card.launches.total(), card.waits.total()


@pytest.mark.parametrize("name", [*CORRUPTIONS, *MNIST_C])
def test_no_work_is_done_image_by_image(name):
    images = torch.rand(3, 3, 12, 10).repeat(3, 1, 1, 1)  # in as many rounds: edges grow until all are found
    few, many = done_on_card(images[:3], name), done_on_card(images, name)
    assert many[1:] == few[1:]
    here = corrupt(images, name, 3, seed=0)
    torch.testing.assert_close(many[0], here, rtol=0, atol=1e-6 if name == "defocus_blur" else 0)
