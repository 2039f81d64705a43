"""Adversarial training: its losses against formulas written out by hand, its budgets, and its collapse."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from friendfoe.models.recipes import CNN
from friendfoe.models.registry import build
from friendfoe.tailored import Crafting, Tailored
from friendfoe.training.calibration import Budgets
from friendfoe.training.methods.defence import Training as Objective
from friendfoe.training.objectives import Batch
from friendfoe.training.recipes import Calibration, Defence
from friendfoe.training.robust_losses import mart, trades

OF = Tailored(eps=0.1, crafting=Crafting(steps=3, step=0.5))


def recipe(objective, **settings):
    return Defence(method="defence", images=["train"], study="classwise", objective=objective, **settings)


def logits(seed, count=6, classes=4):
    return torch.randn(count, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), beta=st.floats(0, 10))
def test_trades_is_its_formula(seed, beta):
    clean, adversarial, labels = logits(seed), logits(seed + 1), torch.arange(6) % 4
    p, q = clean.softmax(1).tolist(), adversarial.softmax(1).tolist()
    for i, found in enumerate(trades(clean, adversarial, labels, torch.full((6,), beta, dtype=torch.float64)).tolist()):
        natural = -torch.log(torch.tensor(p[i][labels[i]])).item()
        robust = sum(
            a * (torch.log(torch.tensor(a)) - torch.log(torch.tensor(b))).item()
            for a, b in zip(p[i], q[i], strict=True)
        )
        assert found == pytest.approx(natural + beta * robust, rel=1e-4, abs=1e-5)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), beta=st.floats(0, 10))
def test_mart_is_its_formula(seed, beta):
    import math

    clean, adversarial, labels = logits(seed), logits(seed + 1), torch.arange(6) % 4
    p, q = clean.softmax(1).tolist(), adversarial.softmax(1).tolist()
    for i, found in enumerate(mart(clean, adversarial, labels, torch.full((6,), beta, dtype=torch.float64)).tolist()):
        y = int(labels[i])
        rival = max(value for k, value in enumerate(q[i]) if k != y)
        boosted = -math.log(q[i][y]) - math.log(1.0001 - rival)
        robust = sum(a * math.log(a / b) for a, b in zip(p[i], q[i], strict=True)) * (1 - p[i][y])
        assert found == pytest.approx(boosted + beta * robust, rel=1e-6, abs=1e-9)


def test_losses_stay_finite_for_networks_that_are_certain():
    clean, adversarial = torch.tensor([[200.0, -200.0]]), torch.tensor([[-200.0, 200.0]])
    for loss in (trades, mart):
        values = loss(clean.requires_grad_(), adversarial.requires_grad_(), torch.tensor([0]), torch.ones(1))
        values.sum().backward()
        assert values.isfinite().all()
        assert clean.grad.isfinite().all()
        assert adversarial.grad.isfinite().all()


@pytest.mark.parametrize("loss", [trades, mart])
def test_logits_of_low_precision_lose_no_more_than_their_rounding(loss):
    """The rival has all but 0.2 % of the probability, which bfloat16 takes for all of it."""
    clean = torch.tensor([[1.0, 0.0]])
    adversarial, labels, beta = torch.tensor([[0.0, 6.25]]), torch.tensor([0]), torch.ones(1)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(clean.bfloat16(), adversarial.bfloat16(), labels, beta)
    assert found.isfinite().all()
    torch.testing.assert_close(found, loss(clean, adversarial, labels, beta))


def batch(epoch=0, count=40):
    generator = torch.Generator().manual_seed(epoch)
    labels = torch.arange(count) % 4
    pixels = torch.rand(count, 1, 8, 8, generator=generator)
    return Batch(pixels, labels, torch.arange(count), seed=epoch, epoch=epoch)


def network():
    torch.manual_seed(0)
    return build(CNN(kind="cnn", width=4), (1, 8, 8), 4)


@pytest.mark.parametrize("kind", ["pgd-at", "fgsm-at", "trades", "mart"])
@pytest.mark.parametrize("calibration", [None, Calibration()])
def test_every_objective_learns_and_leaves_the_images_in_the_ball(kind, calibration):
    net, objective = network().train(), Objective(recipe(kind, calibration=calibration), OF, 10)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2)
    shown = []
    net.register_forward_pre_hook(lambda module, args: shown.append(args[0].detach()) if module.training else None)
    losses = []
    for _ in range(30):
        loss, answers = objective(net, batch())
        assert answers.shape == (40, 4)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.8 * losses[0]
    change = (shown[-1] - batch().images).abs().amax()
    assert 0.05 < change <= 0.1 + 1e-6


def test_the_attacks_of_mart_and_pgd_at_are_the_same_and_that_of_trades_is_its_own():
    shown = {}
    for kind in ("pgd-at", "mart", "trades"):
        net = network().train()
        net.register_forward_pre_hook(
            lambda module, args, k=kind: shown.update({k: args[0].detach()}) if module.training else None
        )
        Objective(recipe(kind), OF, 10)(net, batch())
    assert torch.equal(shown["pgd-at"], shown["mart"])
    assert not torch.equal(shown["pgd-at"], shown["trades"])


def test_budgets_are_lambda_plus_the_accuracy_of_the_last_epoch():
    budgets = Budgets(Calibration(eps=0.3, beta=0.5, begin=0), 10)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 3])
    answers = torch.eye(4)[torch.tensor([0, 0, 0, 1, 1, 2, 2])]
    cpu = torch.device("cpu")
    budgets.begin(0, cpu)
    assert budgets.eps(labels).tolist() == [1.0] * 7  # nothing is known of them
    budgets.count(answers[:3], labels[:3])
    budgets.count(answers[3:], labels[3:])
    assert budgets.eps(labels).tolist() == [1.0] * 7  # still the first epoch
    budgets.begin(1, cpu)
    classes = torch.arange(4)
    assert budgets.eps(classes).tolist() == pytest.approx([0.3 + 0.75, 0.3 + 0.5, 0.3, 0.3])  # class 2 was not seen
    assert budgets.beta(classes).tolist() == pytest.approx([0.5 + 0.75, 0.5 + 0.5, 0.5, 0.5])
    budgets.begin(1, cpu)  # the same epoch goes on
    assert budgets.eps(classes)[0].item() == pytest.approx(1.05)
    budgets.count(answers[4:5], labels[4:5])
    again = Budgets(Calibration(eps=0.3, beta=0.5, begin=0), 10)
    again.load_state_dict(budgets.state_dict())
    for of in (budgets, again):
        of.begin(2, cpu)
        assert of.eps(classes).tolist() == pytest.approx([0.3, 1.3, 0.3, 0.3])


def test_budgets_are_whole_before_calibration_begins():
    budgets = Budgets(Calibration(begin=0.3), 10)
    for epoch in range(5):
        budgets.begin(epoch, torch.device("cpu"))
        assert (budgets.eps(torch.tensor([0])).item() == 1.0) == (epoch < 3)
        budgets.count(torch.eye(2)[:1], torch.tensor([0]))


def test_a_calibrated_attack_keeps_to_the_radius_of_each_class():
    objective = Objective(recipe("pgd-at", calibration=Calibration(eps=0.5)), OF, 10)
    net = network().train()
    shown = []
    net.register_forward_pre_hook(lambda module, args: shown.append(args[0].detach()) if module.training else None)
    objective(net, batch(epoch=0))
    first = (shown[-1] - batch(0).images).abs().amax((1, 2, 3))
    assert (first <= 0.1 + 1e-6).all()
    objective(net, batch(epoch=1))
    wanted = 0.1 * objective._budgets.eps(torch.arange(4))
    assert len(wanted.unique()) > 1
    found = (shown[-1] - batch(1).images).abs().amax((1, 2, 3))
    for label in range(4):
        assert found[batch(1).labels == label].max().item() == pytest.approx(wanted[label].item(), abs=1e-3)


def test_calibrated_classes_weigh_the_same_whatever_their_beta():
    """With a beta of the whole for every class the calibrated loss is the plain one."""
    plain = Objective(recipe("trades"), OF, 10)
    calibrated = Objective(recipe("trades", calibration=Calibration()), OF, 10)
    one, other = plain(network().train(), batch())[0], calibrated(network().train(), batch())[0]
    assert one.item() == other.item()


def test_without_a_perturbation_trades_is_cross_entropy():
    objective = Objective(recipe("trades"), Tailored(eps=0.0), 10)
    net = network().eval()  # batch norm answers the same both times
    loss, answers = objective(net, batch())
    assert loss.item() == pytest.approx(nn.functional.cross_entropy(answers, batch().labels).item(), abs=1e-6)
