"""Adversarial training: its losses against formulas written out by hand, and its calibration."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.training.calibration import Calibration, CalibrationConfig
from friendfoe.training.job import InnerAttack
from friendfoe.training.methods.adversarial_training import AdversarialTrainingConfig, RobustObjective, mart, trades
from friendfoe.training.objectives import TrainingBatch
from tests.training.helpers import CPU


def objective_of(kind, eps=0.1, calibration=None):
    config = AdversarialTrainingConfig(method="adversarial-training", objective=kind, calibration=calibration)
    return RobustObjective(config, eps, InnerAttack(steps=3, rel_step=0.5), epochs=10)


def logits(seed, count=6, classes=4):
    return torch.randn(count, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), beta=st.floats(0, 10))
def test_trades_is_its_formula(seed, beta):
    clean, adversarial, labels = logits(seed), logits(seed + 1), torch.arange(6) % 4
    p, q = clean.softmax(1).tolist(), adversarial.softmax(1).tolist()
    losses = trades(clean, adversarial, labels, torch.full((6,), beta, dtype=torch.float64))
    for i, loss in enumerate(losses.tolist()):
        natural = -torch.log(torch.tensor(p[i][labels[i]])).item()
        robust = sum(
            a * (torch.log(torch.tensor(a)) - torch.log(torch.tensor(b))).item()
            for a, b in zip(p[i], q[i], strict=True)
        )
        assert loss == pytest.approx(natural + beta * robust, rel=1e-4, abs=1e-5)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), beta=st.floats(0, 10))
def test_mart_is_its_formula(seed, beta):
    clean, adversarial, labels = logits(seed), logits(seed + 1), torch.arange(6) % 4
    p, q = clean.softmax(1).tolist(), adversarial.softmax(1).tolist()
    losses = mart(clean, adversarial, labels, torch.full((6,), beta, dtype=torch.float64))
    for i, loss in enumerate(losses.tolist()):
        y = int(labels[i])
        rival = max(value for k, value in enumerate(q[i]) if k != y)
        boosted = -math.log(q[i][y]) - math.log(1.0001 - rival)
        robust = sum(a * math.log(a / b) for a, b in zip(p[i], q[i], strict=True)) * (1 - p[i][y])
        assert loss == pytest.approx(boosted + beta * robust, rel=1e-6, abs=1e-9)


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
        low = loss(clean.bfloat16(), adversarial.bfloat16(), labels, beta)
    assert low.isfinite().all()
    torch.testing.assert_close(low, loss(clean, adversarial, labels, beta))


def batch(epoch=0, count=40):
    generator = torch.Generator().manual_seed(epoch)
    labels = torch.arange(count) % 4
    pixels = torch.rand(count, 1, 8, 8, generator=generator)
    return TrainingBatch(pixels, labels, torch.arange(count), seed=epoch, epoch=epoch)


def network():
    return build(CNNConfig(kind="cnn", width=4), (1, 8, 8), 4)


def record_inputs(net):
    """What the network is given while it trains, in order, from now on."""
    inputs = []
    net.register_forward_pre_hook(lambda module, args: inputs.append(args[0].detach()) if module.training else None)
    return inputs


@pytest.mark.parametrize("kind", ["pgd-at", "fgsm-at", "trades", "mart"])
@pytest.mark.parametrize("calibration", [None, CalibrationConfig()])
def test_every_objective_learns_and_leaves_the_images_in_the_ball(kind, calibration):
    net, objective = network().train(), objective_of(kind, calibration=calibration)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2)
    inputs, losses = record_inputs(net), []
    for _ in range(30):
        loss, answers = objective(net, batch())
        assert answers.shape == (40, 4)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1] < 0.8 * losses[0]
    change = (inputs[-1] - batch().images).abs().amax()
    assert 0.05 < change <= 0.1 + 1e-6


def test_the_attacks_of_mart_and_pgd_at_are_the_same_and_that_of_trades_is_its_own():
    attacked = {}
    for kind in ("pgd-at", "mart", "trades"):
        net = network().train()
        inputs = record_inputs(net)
        objective_of(kind)(net, batch())
        attacked[kind] = inputs[-1]
    assert torch.equal(attacked["pgd-at"], attacked["mart"])
    assert not torch.equal(attacked["pgd-at"], attacked["trades"])


def test_shares_are_lambda_plus_the_accuracy_of_the_last_epoch():
    calibration = Calibration(CalibrationConfig(eps=0.3, beta=0.5, begin=0), 10)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 3])
    answers = torch.eye(4)[torch.tensor([0, 0, 0, 1, 1, 2, 2])]
    calibration.begin(0, CPU)
    assert calibration.eps(labels).tolist() == [1.0] * 7  # nothing is known of them
    calibration.count(answers[:3], labels[:3])
    calibration.count(answers[3:], labels[3:])
    assert calibration.eps(labels).tolist() == [1.0] * 7  # still the first epoch
    calibration.begin(1, CPU)
    classes = torch.arange(4)
    assert calibration.eps(classes).tolist() == pytest.approx([0.3 + 0.75, 0.3 + 0.5, 0.3, 0.3])  # class 2 was not seen
    assert calibration.beta(classes).tolist() == pytest.approx([0.5 + 0.75, 0.5 + 0.5, 0.5, 0.5])
    calibration.begin(1, CPU)  # the same epoch goes on
    assert calibration.eps(classes)[0].item() == pytest.approx(1.05)
    calibration.count(answers[4:5], labels[4:5])
    again = Calibration(CalibrationConfig(eps=0.3, beta=0.5, begin=0), 10)
    again.load_state_dict(calibration.state_dict())
    for state in (calibration, again):
        state.begin(2, CPU)
        assert state.eps(classes).tolist() == pytest.approx([0.3, 1.3, 0.3, 0.3])


def test_shares_are_whole_before_calibration_begins():
    calibration = Calibration(CalibrationConfig(begin=0.3), 10)
    for epoch in range(5):
        calibration.begin(epoch, CPU)
        assert (calibration.eps(torch.tensor([0])).item() == 1.0) == (epoch < 3)
        calibration.count(torch.eye(2)[:1], torch.tensor([0]))


def test_a_calibrated_attack_keeps_to_the_radius_of_each_class():
    objective = objective_of("pgd-at", calibration=CalibrationConfig(eps=0.5))
    net = network().train()
    inputs = record_inputs(net)
    objective(net, batch(epoch=0))
    first = (inputs[-1] - batch(0).images).abs().amax((1, 2, 3))
    assert (first <= 0.1 + 1e-6).all()
    objective(net, batch(epoch=1))
    radii = 0.1 * objective._calibration.eps(torch.arange(4))
    assert len(radii.unique()) > 1
    change = (inputs[-1] - batch(1).images).abs().amax((1, 2, 3))
    for label, radius in enumerate(radii.tolist()):
        assert change[batch(1).labels == label].max().item() == pytest.approx(radius, abs=1e-3)


def test_calibrated_classes_weigh_the_same_whatever_their_beta():
    """With a beta of the whole for every class the calibrated loss is the plain one."""
    plain = objective_of("trades")
    calibrated = objective_of("trades", calibration=CalibrationConfig())
    one, other = plain(network().train(), batch())[0], calibrated(network().train(), batch())[0]
    assert one.item() == other.item()


def test_without_a_perturbation_trades_is_cross_entropy():
    objective = objective_of("trades", eps=0.0)
    net = network().eval()  # batch norm answers the same both times
    loss, answers = objective(net, batch())
    assert loss.item() == pytest.approx(nn.functional.cross_entropy(answers, batch().labels).item(), abs=1e-6)


def test_beta_needs_a_second_term():
    with pytest.raises(ValidationError, match="beta: pgd-at has no second term to weigh"):
        AdversarialTrainingConfig(method="adversarial-training", objective="pgd-at", beta=1.0)
