"""FAB: the projection against brute force, distances against closed forms and the reference implementation."""

from itertools import product

import pytest
import torch

from friendfoe.attacks import Threat, fab_t
from friendfoe.attacks.fab import size, to_hyperplane


def test_fab_finds_the_nearest_image_of_a_linear_model(linear_net):
    net = linear_net()
    images = torch.rand(8, 1, 8, 8, dtype=torch.float64) * 0.2 + 0.4
    logits = net(images).detach()
    labels = logits.argmax(1)
    weight = (net[1].weight[1] - net[1].weight[0]).detach()
    gap = (logits[:, 1] - logits[:, 0]).abs()
    for norm, dual in (("linf", weight.abs().sum()), ("l2", weight.norm())):
        out = fab_t(
            net, images, labels, threat=Threat(norm, 1.0 if norm == "linf" else 5.0), steps=60, n_target_classes=1
        )
        assert (net(out).argmax(1) != labels).all()
        ratio = size(out - images, norm) / (gap / dual)
        assert (ratio >= 1 - 1e-9).all()
        assert (ratio <= 1.06).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_projection_onto_a_hyperplane_and_the_box(norm):
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(200, 12, generator=generator, dtype=torch.float64)
    weight = torch.randn(200, 12, generator=generator, dtype=torch.float64)
    weight[0] = 0
    weight[1, :6] = 0
    room = torch.where(weight > 0, 1 - points, points)
    gap = (weight.abs() * room).sum(1) * torch.rand(200, generator=generator, dtype=torch.float64)
    for sign in (1, -1):
        toward = weight * sign  # so that the same rooms apply
        change = to_hyperplane(points, toward, gap, norm)
        assert ((points + change >= -1e-12) & (points + change <= 1 + 1e-12)).all()
        assert torch.allclose((toward * change).sum(1), gap, atol=1e-9) if sign == 1 else True
    change = to_hyperplane(points, weight, gap, norm)
    low, high = torch.zeros(200, dtype=torch.float64), torch.full((200,), 1e6, dtype=torch.float64)
    rate = torch.ones_like(weight) if norm == "linf" else weight.abs()
    for _ in range(100):  # the common factor by bisection, an independent way to the same point
        middle = (low + high) / 2
        reached = (weight.abs() * torch.minimum(middle[:, None] * rate, room)).sum(1)
        low, high = torch.where(reached < gap, middle, low), torch.where(reached < gap, high, middle)
    expected = weight.sign() * torch.minimum(high[:, None] * rate, room)
    assert torch.allclose(change, expected, atol=1e-6)
    far = to_hyperplane(points, weight, 2 * (weight.abs() * room).sum(1) + 1, norm)
    assert torch.allclose(far[2:], (weight.sign() * room)[2:])


def by_brute_force(points, weight, gap, norm):
    """The least of all changes [D] that end on the hyperplane, for each set of coordinates that meet their border.

    None where the hyperplane is out of reach.
    """
    slope, towards = weight.abs(), weight.sign() * gap.sign()
    room = torch.where(towards > 0, 1 - points, points)
    rate = torch.ones_like(slope) if norm == "linf" else slope
    found = []
    for met in product([False, True], repeat=len(points)):
        met = torch.tensor(met)
        rise = (slope * rate)[~met].sum()
        factor = (gap.abs() - (slope * room)[met].sum()) / rise if rise > 0 else torch.inf
        change = towards * torch.where(met, room, (factor * rate).clamp_max(1e9))
        inside = ((points + change >= -1e-9) & (points + change <= 1 + 1e-9)).all()
        if inside and abs((weight * change).sum() - gap) < 1e-9:
            found.append(change)
    return min(found, key=lambda change: size(change.view(1, -1, 1, 1), norm), default=None)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_projection_is_that_of_brute_force(norm):
    """Few values, so that weights are zero, coordinates meet their borders together or stand on them from the start."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape, among):
        return torch.tensor(among, dtype=torch.float64)[torch.randint(len(among), shape, generator=generator)]

    points, weight = drawn(60, 4, among=[0, 0.25, 0.5, 1]), drawn(60, 4, among=[-2, -1, 0, 1, 1, 3])
    gap = drawn(60, among=[-3, -1, -0.25, 0, 0.5, 1, 2, 9])
    change = to_hyperplane(points, weight, gap, norm)
    expected = [by_brute_force(*task, norm) for task in zip(points, weight, gap, strict=True)]
    in_reach = torch.tensor([each is not None for each in expected])
    assert 20 < in_reach.sum() < 50
    nearest = torch.stack([each for each in expected if each is not None])
    lengths = (size(each.view(-1, 4, 1, 1), norm) for each in (change[in_reach], nearest))
    assert torch.allclose(*lengths, atol=1e-9)
    assert torch.allclose((weight * change).sum(1)[in_reach], gap[in_reach], atol=1e-9)
    most = torch.where(weight * gap.unsqueeze(1) > 0, 1 - points, -points)
    assert torch.allclose((weight * change)[~in_reach], (weight * most)[~in_reach], atol=1e-9)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e30])
def test_projection_in_float32_whatever_the_size_of_gradients(norm, scale):
    generator = torch.Generator().manual_seed(0)
    points, weight = torch.rand(40, 300, generator=generator), torch.randn(40, 300, generator=generator)
    gap = torch.randn(40, generator=generator)
    change = to_hyperplane(points, weight * scale, gap * scale, norm)
    assert torch.allclose((weight * change).sum(1), gap, atol=1e-4)
    assert torch.allclose(change, to_hyperplane(points, weight, gap, norm), atol=1e-5)


def test_both_points_of_a_step_at_once():
    generator = torch.Generator().manual_seed(0)
    points, weight = torch.rand(2, 9, 20, generator=generator), torch.randn(9, 20, generator=generator)
    gap = torch.randn(2, 9, generator=generator)
    both = to_hyperplane(points, weight, gap, "linf")
    assert torch.allclose(both, torch.stack([to_hyperplane(points[i], weight, gap[i], "linf") for i in range(2)]))


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "far"), [("linf", 1.0), ("l2", 9.0)])
def test_distances_of_the_reference_implementation(conv_net, batch, norm, far):
    library = pytest.importorskip("pyautoattack", reason="the reference implementation is a development dependency")
    net = conv_net(5).eval()
    images, _ = batch(2, count=100)
    labels = net(images).argmax(1)
    original = library.AutoAttack(net, norm=norm.capitalize(), eps=far, version="custom", attacks=["fab-t"], seed=0).fab
    original.targeted, original.n_restarts, original.n_target_classes, original.seed = True, 1, 1, 0
    theirs = size(original.perturb(images, labels) - images, norm)
    ours = size(fab_t(net, images, labels, threat=Threat(norm, far), n_target_classes=1) - images, norm)
    assert (ours > 0).all()
    assert ours.mean() <= theirs.mean() * 1.001
    assert ours.median() == pytest.approx(theirs.median().item(), rel=0.02)
