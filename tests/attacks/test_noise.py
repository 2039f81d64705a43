"""Random noise, the control."""

import pytest
import torch

from friendfoe.attacks import Threat, random_noise


@pytest.mark.parametrize("kind", ["uniform", "extreme"])
def test_noise_without_clipping_fills_the_ball_and_with_it_stays_in_the_pixel_range(kind):
    images = torch.tensor([0.0, 1.0]).repeat(2, 500).view(2, 1, 10, 100)
    free = random_noise(images, threat=Threat("linf", 0.25), kind=kind, seed=3, clip=False)
    change = (free - images).abs()
    assert change.max() <= 0.25 + 1e-6
    assert change.mean() > (0.24 if kind == "extreme" else 0.1)
    assert free.min() < -0.2
    assert free.max() > 1.2
    assert torch.equal(random_noise(images, threat=Threat("linf", 0.25), kind=kind, seed=3), free.clamp(0, 1))
