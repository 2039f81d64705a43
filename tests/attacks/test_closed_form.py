"""Oracles on linear models, where the best perturbation is known."""

import pytest
import torch

from friendfoe.attacks import Goal, Threat, assist, fgsm, pgd
from friendfoe.attacks.ball import ball_around, length


def setup(linear_net, *, low=0.0, high=1.0, count=5):
    net = linear_net()
    generator = torch.Generator().manual_seed(1)
    images = low + (high - low) * torch.rand(count, 1, 8, 8, generator=generator, dtype=torch.float64)
    labels = torch.arange(count) % 2
    weight = (net[1].weight[1] - net[1].weight[0]).detach().view(1, 1, 8, 8)
    away = weight * (1 - 2 * labels).view(-1, 1, 1, 1)  # direction that raises the loss of the label
    return net, images, labels, away


@pytest.mark.parametrize("goal", list(Goal))
def test_linf_optimum_with_the_pixel_range_in_the_way(linear_net, goal):
    net, images, labels, away = setup(linear_net)
    sign = 1 if goal is Goal.FOE else -1
    optimum = (images + sign * 0.3 * away.sign()).clamp(0, 1)
    threat = Threat("linf", 0.3)
    assert torch.allclose(fgsm(net, images, labels, threat=threat, goal=goal), optimum)
    assert torch.allclose(pgd(net, images, labels, threat=threat, goal=goal, steps=12, keep_best=False), optimum)
    if goal is Goal.FRIEND:
        assert torch.allclose(assist(net, images, labels, threat=threat), optimum)
        assert torch.allclose(assist(net, images, labels, threat=threat, steps=6), optimum)


@pytest.mark.parametrize("goal", list(Goal))
def test_l2_optimum_inside_the_pixel_range(linear_net, goal):
    net, images, labels, away = setup(linear_net, low=0.4, high=0.6)
    sign = 1 if goal is Goal.FOE else -1
    optimum = images + sign * 0.3 * away / away[0].norm()
    threat = Threat("l2", 0.3)
    assert torch.allclose(fgsm(net, images, labels, threat=threat, goal=goal), optimum)
    reached = pgd(net, images, labels, threat=threat, goal=goal, steps=300, keep_best=False)
    assert torch.allclose(reached, optimum, atol=1e-6)


def test_l2_optimum_with_the_pixel_range_in_the_way(linear_net):
    """The best clipped perturbation is clip(x + lambda w), with lambda such that the length is eps."""
    net, images, labels, away = setup(linear_net)
    eps = 1.5
    low, high = torch.zeros(5, 1, 1, 1, dtype=torch.float64), torch.full((5, 1, 1, 1), 1e4, dtype=torch.float64)
    for _ in range(200):
        middle = (low + high) / 2
        long = ((images + middle * away).clamp(0, 1) - images).flatten(1).norm(dim=1).view(-1, 1, 1, 1) > eps
        low, high = torch.where(long, low, middle), torch.where(long, middle, high)
    optimum = (images + low * away).clamp(0, 1)
    reached = pgd(net, images, labels, threat=Threat("l2", eps), steps=400, step_size=0.02)

    def gain(perturbed):
        return ((perturbed - images) * away).flatten(1).sum(1)

    assert (gain(reached) <= gain(optimum) + 1e-9).all()
    assert (gain(reached) >= 0.995 * gain(optimum)).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_unclipped_fgsm_is_the_formula_alone(linear_net, norm):
    net, images, labels, away = setup(linear_net)
    step = away.sign() if norm == "linf" else away / away[0].norm()
    out = fgsm(net, images, labels, threat=Threat(norm, 0.4), clip=False)
    assert torch.allclose(out, images + 0.4 * step, atol=1e-12)
    if norm == "linf":
        assert out.min() < 0
        assert out.max() > 1
        assert torch.equal(out.clamp(0, 1), fgsm(net, images, labels, threat=Threat(norm, 0.4)))


def test_confident_models_keep_their_gradient(linear_net):
    """With logits in the thousands 1 - p_y underflows; the sign must not."""
    net, images, labels, _ = setup(linear_net)
    net = net.float()
    with torch.no_grad():
        net[1].weight *= 1e5
        labels = net(images.float()).argmax(1)
    out = fgsm(net, images.float(), labels, threat=Threat("linf", 0.1))
    assert ((out - images.float()).abs().flatten(1).amax(1) > 0.05).all()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=["usual", "last"])
def test_a_step_in_l2_has_the_bits_of_its_formula(memory_format):
    """Whatever is saved of copies."""
    generator = torch.Generator().manual_seed(0)
    clean, start, gradient = torch.rand(3, 5, 3, 9, 7, generator=generator)
    gradient = (gradient - 0.5).to(memory_format=memory_format)
    gradient[0], gradient[1] = 0, gradient[1] * 1e-30
    ball, size = ball_around(clean, Threat("l2", 1.3)), torch.full((5, 1, 1, 1), 0.17)
    scaled = gradient / gradient.abs().amax((1, 2, 3), keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
    moved = start + size * (scaled / length(scaled).clamp_min(1e-12))
    change = moved - clean
    expected = (clean + change * (ball.eps / length(change)).clamp_max(1)).clamp(0, 1)
    before = start.clone(), gradient.clone()
    assert torch.equal(ball.step(start, gradient, size), expected)
    assert torch.equal(start, before[0])
    assert torch.equal(gradient, before[1])
