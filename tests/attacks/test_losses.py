"""Losses against their definitions, and in the tails where the definitions underflow."""

import pytest
import torch
import torch.nn.functional as F

from friendfoe.attacks import cross_entropy, dlr, kl, log_odds, log_odds_at, margin

LOGITS = torch.randn(64, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
LABELS = torch.arange(64) % 5


def test_cross_entropy_is_torchs():
    assert torch.allclose(cross_entropy(LOGITS, LABELS), F.cross_entropy(LOGITS, LABELS, reduction="none"))
    soft = LOGITS.roll(1, 0).softmax(1)
    assert torch.allclose(cross_entropy(LOGITS, soft), F.cross_entropy(LOGITS, soft, reduction="none"))


def test_cross_entropy_is_accurate_where_torchs_is_zero():
    logits = torch.tensor([[40.0, 0.0, 0.0]])
    label = torch.tensor([0])
    assert F.cross_entropy(logits, label) == 0
    assert cross_entropy(logits, label).item() == pytest.approx(8.4967e-18, rel=1e-3)


@pytest.mark.parametrize("temperature", [0.02, 1.0, 10.0])
def test_log_odds_has_the_direction_of_cross_entropy(temperature):
    logits = LOGITS.clone().requires_grad_()
    (odds,) = torch.autograd.grad(log_odds_at(temperature)(logits, LABELS).sum(), logits)
    (entropy,) = torch.autograd.grad(F.cross_entropy(logits / temperature, LABELS, reduction="sum"), logits)
    known = entropy.norm(dim=1) > 1e-8  # below, 1 - p_y is cancellation noise
    assert known.sum() > 10
    assert torch.allclose(F.normalize(odds)[known], F.normalize(entropy)[known], atol=1e-6)


def test_log_odds_by_definition_and_in_the_tail():
    true = LOGITS.softmax(1).gather(1, LABELS[:, None]).squeeze(1)
    assert torch.allclose(log_odds(LOGITS, LABELS), ((1 - true) / true).log())
    logits = torch.tensor([[3000.0, 0.0, -5.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(log_odds(logits, torch.tensor([0])).sum(), logits)
    assert gradient[0, 0] == -1
    assert gradient[0, 1] > 0.99


def test_margin_is_positive_exactly_where_the_model_errs():
    assert torch.equal(margin(LOGITS, LABELS) > 0, LOGITS.argmax(1) != LABELS)


def test_dlr_by_definition_and_unmoved_by_scale_and_shift():
    row = torch.tensor([[4.0, 1.0, 3.0, 2.0]])
    assert dlr(row, torch.tensor([0])).item() == pytest.approx(-(4 - 3) / (4 - 2))
    assert dlr(row, torch.tensor([1])).item() == pytest.approx(-(1 - 4) / (4 - 2))
    assert torch.allclose(dlr(7 * LOGITS - 3, LABELS), dlr(LOGITS, LABELS))
    with pytest.raises(ValueError, match=r"^loss: dlr needs at least 3 classes"):
        dlr(row[:, :2], torch.tensor([0]))


def test_kl_is_zero_at_its_reference_and_positive_elsewhere():
    reference = LOGITS.softmax(1)
    assert kl(LOGITS, reference).abs().max() < 1e-12
    assert (kl(LOGITS.roll(1, 0), reference) > 0).all()


def test_half_precision_is_widened():
    assert log_odds(LOGITS.bfloat16(), LABELS).dtype == torch.float32


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_bad_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match=r"^temperature: "):
        log_odds_at(temperature)
