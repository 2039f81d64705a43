"""Of images that are equally good the attacked one is kept, so that small logits make no model robust."""

import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, apgd, autoattack, pgd, square


class Scaled(nn.Module):
    def __init__(self, net, scale):
        super().__init__()
        self.net, self.scale = net, scale

    def forward(self, images):
        return self.net(images) * self.scale


@pytest.fixture(scope="module")
def case():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        layers = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU(), nn.Flatten()]
        net, images = nn.Sequential(*layers, nn.Linear(200, 10)).eval(), torch.rand(150, 1, 12, 12)
    return net, images, net(images).argmax(1)


@pytest.mark.parametrize("scale", [1.0, 1e-5, pytest.param(1e-6, marks=pytest.mark.slow), 1e-8])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_tiny_logits_make_no_model_robust(case, norm, scale):
    net, images, labels = case
    model, threat = Scaled(net, scale), Threat(norm, 0.02 if norm == "linf" else 0.2)

    def accuracy(attack, model=model, **more):
        return (net(attack(model, images, labels, threat=threat, **more)).argmax(1) == labels).float().mean().item()

    last = accuracy(pgd, steps=10, keep_best=False)
    assert 0.1 < last < 0.9
    for attack in (pgd, apgd):
        assert accuracy(attack, steps=10) <= last + 0.04
    assert accuracy(pgd, steps=10, restarts=2) <= last + 0.01
    assert accuracy(square, n_queries=30) == accuracy(square, net, n_queries=30) < 0.95
    if scale == 1e-8:
        assert accuracy(autoattack, steps=10, n_queries=10, n_target_classes=3) <= last + 0.01


def test_a_constant_model_gets_attacked_images(batch):
    images, labels = batch()

    def model(images):
        return images.new_tensor([[2.0, 1, 1, 1]]) + 0 * images.sum((1, 2, 3)).unsqueeze(1)

    for attack in (lambda *a, **more: pgd(*a, steps=2, **more), lambda *a, **more: apgd(*a, steps=2, **more)):
        out = attack(model, images, labels * 0, threat=Threat("linf", 0.1))
        assert (out != images).flatten(1).any(1).all()
