"""Honest models pass all checks, and each trick is caught by those that are meant for it."""

import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, pgd
from friendfoe.evaluation.check_budget import CheckBudget
from friendfoe.evaluation.gradient_masking import Outcome, gradient_masking
from tests.evaluation.gradient_masking.examined import AUTOATTACK, EPS, FGSM, LARGE, SOFTMAX, checks, failed, fit


def test_a_plain_model_passes(plain, digits, distilled):
    found = checks(plain, digits, transfer_from=distilled, reported=AUTOATTACK)
    assert {name: check.outcome for name, check in found.items() if check.outcome is not Outcome.PASSED} == {}


def test_a_model_that_is_robust_passes(robust, plain, digits):
    found = checks(robust, digits, transfer_from=plain, reported=AUTOATTACK)
    assert found["strongest"].numbers["accuracy, the worst case"] > 0.3
    assert {check.outcome for check in found.values()} <= {Outcome.PASSED, Outcome.OPEN}


def test_within_l2(plain, distilled, digits):
    """A plain model passes, one whose softmax is saturated does not; attacks stay in the ball of l2."""
    found = checks(plain, digits, eps=0.5, norm="l2", n=100)
    assert {name for name, check in found.items() if check.outcome is Outcome.FAILED} <= {"restarts"}
    assert [check.name for check in found.values() if check.outcome is Outcome.NOT_RUN] == [
        *("transfer", "reported eps", "strongest"),
    ]
    assert found["second norm"].question.startswith("Does PGD in the ball of linf (radius 0.5) that holds that of l2")
    images, labels = (each[:100] for each in digits)
    perturbed = pgd(plain, images, labels, threat=Threat("l2", 0.5), steps=20, early_stop=True)
    right = (plain(images).argmax(1) == labels) & (plain(perturbed).argmax(1) == labels)
    assert found["iterative"].numbers["accuracy, PGD"] == pytest.approx(right.double().mean().item())
    assert {"logits", "softmax"} & failed(distilled, digits, eps=0.5, norm="l2", n=100) == {"softmax"}


def test_a_linear_model_passes_and_one_step_finds_all(digits, plain):
    """Of a linear model of two classes FGSM is the strongest attack there is."""
    images, labels = digits
    two = labels < 2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = fit(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), images[two], labels[two], steps=60)
    source = nn.Sequential(plain, nn.Linear(10, 2))
    found = checks(net, (images[two], labels[two]), transfer_from=source, reported=FGSM, eps=0.2)
    assert {check.outcome for check in found.values()} == {Outcome.PASSED}
    assert found["strongest"].numbers["missed"] == 0


def test_a_distilled_model_fails_by_its_softmax(distilled, digits):
    """Attacks through the softmax see a robust model, attacks on the logits do not."""
    found = checks(distilled, digits, reported=AUTOATTACK)
    assert {name for name, check in found.items() if check.outcome is Outcome.FAILED} == {"softmax"}
    numbers = found["softmax"].numbers
    assert numbers["accuracy, PGD on the softmax"] > numbers["accuracy, PGD"] + 0.2
    assert failed(distilled, digits, reported=SOFTMAX) >= {"softmax", "strongest"}


def test_huge_logits_saturate_the_softmax_alone(plain, digits):
    class Scaled(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, images):
            return self.net(images) * 1e4

    assert failed(Scaled(plain), digits, reported=AUTOATTACK) == {"softmax"}


def test_a_model_that_only_its_own_attack_cannot_break_is_caught(leaking, plain, digits):
    """One step sees a robust model at the size that it was trained against, several steps see none."""
    found = checks(leaking, digits, eps=LARGE, transfer_from=plain, reported=FGSM)
    assert found["strongest"].outcome is Outcome.FAILED
    numbers = found["strongest"].numbers
    assert numbers["accuracy, the reported attack"] > numbers["accuracy, the worst case"] + 0.2
    assert found["reported eps"].outcome is Outcome.FAILED  # the smaller step finds what the larger one misses
    assert found["more steps"].outcome is Outcome.FAILED


class Rounded(nn.Module):
    """An input step whose derivative is zero wherever it exists."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net((images * 16).round() / 16)


class Cut(Rounded):
    """An input step that autograd cannot pass at all."""

    def forward(self, images):
        return self.net(images.detach())


class Spoilt(Rounded):
    """Answers that are right, and gradients that are no numbers."""

    def forward(self, images):
        return self.net(images) + (images.flatten(1).sum(1, keepdim=True) * 0).sqrt()


@pytest.mark.parametrize("step", [Rounded, Cut, Spoilt])
def test_an_input_step_without_a_gradient_is_caught(plain, digits, step):
    found = checks(step(plain), digits, transfer_from=plain, reported=AUTOATTACK)
    failures = {name for name, check in found.items() if check.outcome is Outcome.FAILED}
    assert failures >= {"gradients", "steps", "unbounded", "black box", "transfer"}
    assert found["gradients"].reason.startswith("the gradient is ")
    if step is not Rounded:  # nothing can be said of attacks that leave images as they are
        assert found["softmax"].outcome is Outcome.NOT_RUN
        assert "left 200 of" in found["unbounded"].reason or "images as they are" in found["unbounded"].reason


def test_some_images_without_a_number_for_gradient_spare_the_others(plain, digits):
    images, labels = digits
    bright = images[:30].flatten(1).sum(1)
    threshold = bright.sort().values[-4].item()

    small = CheckBudget(queries=5, more_steps=6, steps=5, restarts=2, targets=1)

    class Partly(nn.Module):
        def forward(self, images):
            light, logits = images.flatten(1).sum(1), plain(images)
            spoilt = light > threshold
            logits[spoilt] = logits[spoilt] + (light[spoilt] * 0).sqrt().unsqueeze(1)
            return logits

    found = {check.name: check for check in gradient_masking(Partly(), images[:30], labels[:30], eps=EPS, budget=small)}
    assert found["gradients"].outcome is Outcome.FAILED
    assert found["gradients"].reason == "the gradient is not finite for 3 of 30 images"
    assert 0 < found["eps"].numbers["accuracy, PGD"] < found["eps"].numbers["accuracy, PGD, 0.25 eps"]


def test_answers_that_are_no_numbers_are_wrong_answers(plain, digits):
    images, labels = digits

    class Broken(nn.Module):
        def forward(self, images):
            return plain(images) * torch.nan

    found = {check.name: check for check in gradient_masking(Broken(), images[:20], labels[:20], eps=EPS)}
    assert found["deterministic"].outcome is Outcome.FAILED
    assert "not finite for 20 of 20 images" in found["deterministic"].reason
    assert found["transfer"].outcome is Outcome.NOT_RUN
    assert found["softmax"].reason == "no clean image is answered correctly"


def test_probabilities_are_caught(plain, digits):
    with pytest.warns(UserWarning, match="probabilities"):
        assert "logits" in failed(nn.Sequential(plain, nn.Softmax(1)), digits)


class Noisy(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net(images + 0.1 * torch.randn_like(images))


def test_a_random_model_is_caught(plain, digits):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert "deterministic" in failed(Noisy(plain), digits)
