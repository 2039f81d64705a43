"""On an accelerator: the same noise, bit for bit, and the same images but for rounding."""

import pytest
import torch

from friendfoe.attacks import Threat, apgd, autoattack, pgd
from friendfoe.runtime.draws import uniform

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")]


def test_noise_has_the_same_bits():
    names = torch.arange(1000)
    assert torch.equal(uniform(3, names.cuda(), 500).cpu(), uniform(3, names, 500))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_attacks_give_the_same_images(conv_net, batch, norm):
    net = conv_net(5, dtype=torch.float64)
    images, labels = batch(1, count=20, dtype=torch.float64)
    on_cpu = [attack(net, images, labels, threat=Threat(norm, 0.1), steps=5) for attack in (pgd, apgd)]
    net.cuda()
    for attack, expected in zip((pgd, apgd), on_cpu, strict=True):
        out = attack(net, images.cuda(), labels.cuda(), threat=Threat(norm, 0.1), steps=5)
        assert torch.allclose(out.cpu(), expected, atol=1e-6)


def test_autoattack_runs(conv_net, batch):
    net = conv_net(5).cuda()
    images, labels = (tensor.cuda() for tensor in batch(1, count=20))
    out = autoattack(net, images, labels, threat=Threat("linf", 0.05), steps=5, n_target_classes=2, n_queries=10)
    assert (out - images).abs().max() <= 0.05 + 1e-6
