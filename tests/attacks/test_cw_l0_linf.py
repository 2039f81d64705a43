"""Carlini & Wagner's attacks in L0 and L-infinity, on linear models whose nearest adversarial image is known."""

import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, cw_l0, cw_linf
from friendfoe.attacks.cw_l0 import kept


@pytest.fixture
def linear():
    """Two classes, told apart by 16 pixels; images on the side of class 0, and how much each pixel weighs."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).double()
    weight = torch.randn(16, dtype=torch.float64)
    images = torch.rand(6, 1, 4, 4, dtype=torch.float64)
    with torch.no_grad():
        net[1].weight.copy_(torch.stack([weight, -weight]) / 2)
        net[1].bias.zero_()
        scores = images.flatten(1) @ weight
        net[1].bias.copy_(torch.tensor([1.0, -1.0], dtype=torch.float64) / 2 * (0.4 - scores.min()))
    gap = (net(images)[:, 0] - net(images)[:, 1]).detach()
    assert (gap >= 0.4 - 1e-9).all()
    return net, images, torch.zeros(6, dtype=torch.int64), weight, gap


def fewest(image, weight, gap):
    """How many pixels, moved as far as they can, are needed at least to lose a lead of `gap`."""
    most = torch.where(weight > 0, image.flatten() * weight, -(1 - image.flatten()) * weight).sort(descending=True)[0]
    return int((most.cumsum(0) < gap).sum()) + 1


def test_l0_changes_about_as_few_pixels_as_possible(linear):
    net, images, labels, weight, gap = linear
    out = cw_l0(net, images, labels, threat=Threat("l0", 1.0), steps=80, lr=0.1, removed=0.1)
    assert (net(out).argmax(1) == 1).all()
    counts = (out != images).flatten(1).sum(1).tolist()
    least = [fewest(image, weight, lead) for image, lead in zip(images, gap, strict=True)]
    assert all(low <= count <= low + 2 for low, count in zip(least, counts, strict=True))
    assert max(least) < 8  # of 16
    one = cw_l0(net, images, labels, threat=Threat("l0", 1 / 16), steps=80, lr=0.1, removed=0.1)
    assert [bool((a != b).any()) for a, b in zip(one, images, strict=True)] == [count == 1 for count in counts]


def test_linf_comes_about_as_near_as_possible(linear):
    net, images, labels, weight, gap = linear
    least = gap / weight.abs().sum()  # where no pixel meets the border of its range
    images = images * 0.2 + 0.4
    with torch.no_grad():
        net[1].bias.add_(torch.tensor([1.0, -1.0], dtype=torch.float64) * 0.2)
    lead = (net(images)[:, 0] - net(images)[:, 1]).detach()
    labels, least = (lead < 0).long(), lead.abs() / weight.abs().sum()
    assert least.max() < 0.4
    out = cw_linf(net, images, labels, threat=Threat("linf", 1.0), steps=60, lr=0.02)
    assert (net(out).argmax(1) != labels).all()
    reach = (out - images).flatten(1).abs().amax(1)
    assert (reach >= least - 1e-9).all()
    assert (reach <= 1.25 * least + 0.01).all()
    middle = float(reach.median())
    near = cw_linf(net, images, labels, threat=Threat("linf", middle), steps=60, lr=0.02)
    assert torch.equal((near != images).flatten(1).any(1), reach <= middle)


def test_an_image_that_is_wrong_already_stays_and_the_model_too(conv_net, batch):
    net, (images, labels) = conv_net().train(), batch(count=6)
    wrong = (net.eval()(images).argmax(1) + 1) % 4
    net.train()
    for attack, threat in ((cw_l0, Threat("l0", 1.0)), (cw_linf, Threat("linf", 1.0))):
        assert torch.equal(attack(net, images, wrong, threat=threat, steps=3), images)
        out = attack(net, images, labels, threat=threat, steps=5, trials=2)
        assert net.training
        assert out.dtype == images.dtype
        assert out.min() >= 0
        assert out.max() <= 1


def test_the_least_worth_of_the_changed_pixels_are_left_out():
    worth = torch.tensor([[[[4.0, 1.0, 9.0, 3.0]], [[0.0, 0.0, 0.0, 5.0]]]])
    changed = torch.tensor([[[[True, True, False, True]], [[True, False, False, True]]]])
    assert kept(worth, changed, 0.01).tolist() == [[[[True, False, False, True]]] * 2]
    assert kept(worth, changed, 0.7).tolist() == [[[[False, False, False, True]]] * 2]


@pytest.mark.parametrize(
    ("attack", "more", "message"),
    [
        (cw_l0, {"threat": Threat("l2", 1.0)}, "threat: this attack knows the norm l0, got l2"),
        (cw_l0, {"removed": 1.5}, "removed: must be at most 1"),
        (cw_l0, {"trials": 0}, "trials: "),
        (cw_linf, {"threat": Threat("l0", 1.0)}, "threat: this attack knows the norm linf, got l0"),
        (cw_linf, {"shrink": 1.0}, "shrink: must be below 1"),
        (cw_linf, {"lr": -1.0}, "lr: "),
    ],
)
def test_bad_input_is_refused_by_name(conv_net, attack, more, message):
    images, labels = torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2])
    threat = Threat("l0" if attack is cw_l0 else "linf", 1.0)
    with pytest.raises(ValueError, match=f"^{message}"):
        attack(conv_net(), images, labels, **{"threat": threat, **more})
