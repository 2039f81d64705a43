"""Is the robustness of a model real, or do its attacks fail for reasons of their own?

The checks follow Athalye et al. (2018, section 3.1) and Carlini et al. (2019): a model that seems robust because its
gradients are masked behaves in ways that a robust one cannot. Each check says what it measured, and passes or fails;
a failure does not say that the model is weak, but that its robust accuracy must not be believed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from torch import Tensor

from friendfoe.attacks.contract import Model, check_labels, check_positive
from friendfoe.attacks.fgsm import fgsm
from friendfoe.attacks.losses import Loss, log_odds, softmax_cross_entropy
from friendfoe.attacks.noise import random_noise
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.square import square
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import NoGradientError, WhiteBox, white_box

_STEPS = (1, 5, 20)
_SHARES = (0.25, 0.5, 1.0, 2.0)  # of eps
_QUERIES = 300


@dataclass(frozen=True)
class MaskingCheck:
    """One check: what it asks, what was measured, and whether the answer is that of a model without tricks."""

    name: str
    question: str
    numbers: dict[str, float]
    passed: bool


def gradient_masking(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    transfer_from: Model | None = None,
    tolerance: float = 0.02,
    seed: int = 0,
) -> list[MaskingCheck]:
    """Run all checks of a model; a few hundred images are enough.

    Args:
        model: gives logits [N, K].
        images: floating [N, C, H, W] in [0, 1], at least one.
        labels: int64 [N].
        eps: size of the perturbations (linf), above 0.
        transfer_from: another model, whose adversarial images are tried on this one; the check is left out without it.
        tolerance: by how much an accuracy may lie on the wrong side.
        seed: of all that is drawn.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    check_labels(images, labels)
    if not len(images):
        raise ValueError("images: there must be at least one")
    check_positive(eps=eps)
    with white_box(model, labels=labels) as answers:
        return list(_checks(model, answers, images, labels, eps, transfer_from, tolerance, seed))


def _checks(
    model: Model,
    answers: WhiteBox,
    images: Tensor,
    labels: Tensor,
    eps: float,
    transfer_from: Model | None,
    tolerance: float,
    seed: int,
) -> Iterator[MaskingCheck]:
    logits, threat = answers.logits(images), Threat("linf", eps)
    attack = partial(pgd, model, images, labels, seed=seed)

    def accuracy(perturb: Callable[[], Tensor]) -> float:
        """Accuracy on perturbed images; on the clean ones where there is no gradient to perturb them with."""
        try:
            perturbed = perturb()
        except NoGradientError:
            perturbed = images
        return (answers.logits(perturbed).argmax(1) == labels).double().mean().item()

    def under_pgd(size: float = eps, loss: Loss = log_odds) -> float:
        return accuracy(
            lambda: attack(threat=Threat("linf", min(1.0, size)), steps=_STEPS[-1], loss=loss, early_stop=True)
        )

    def loss_after(steps: int) -> float:
        try:
            last = attack(threat=threat, steps=steps, step_size=eps / 4, keep_best=False)
        except NoGradientError:
            last = images
        return log_odds(answers.logits(last), labels).double().mean().item()

    difference = (logits - answers.logits(images)).abs().max().item()
    yield MaskingCheck(
        "deterministic",
        "Does the model give the same logits for the same images?",
        {"largest difference": difference},
        difference <= 1e-4 * max(1.0, logits.abs().max().item()),
    )

    distance = (logits.sum(1) - 1).abs().max().item()
    yield MaskingCheck(
        "logits",
        "Does the model give logits, and not probabilities, whose gradients vanish?",
        {"smallest output": logits.min().item(), "largest distance of their sum from 1": distance},
        bool((logits < 0).any()) or distance > 1e-3,
    )

    try:
        gradient = answers.gradient(images, labels, log_odds)[2].flatten(1)
        share = (~(gradient != 0).any(1)).double().mean().item()
    except NoGradientError:
        share = 1.0
    yield MaskingCheck("gradients", "Has every image a gradient?", {"share without": share}, share <= tolerance)

    attacked, softmax = under_pgd(), under_pgd(loss=softmax_cross_entropy)
    yield MaskingCheck(
        "softmax",
        "Does the gradient of the softmax lead an attack as far as that of the logits?",
        {"accuracy, softmax": softmax, "accuracy, logits": attacked},
        softmax <= attacked + tolerance,
    )

    losses = {f"mean log-odds, {steps} steps": loss_after(steps) for steps in _STEPS}
    yield MaskingCheck("steps", "Does the loss rise with the steps of an attack?", losses, _rising([*losses.values()]))

    by_eps = {f"accuracy, {share:g} eps": attacked if share == 1 else under_pgd(share * eps) for share in _SHARES}
    least, *_ = by_eps.values()
    falls = least <= tolerance or _rising([-value for value in by_eps.values()])
    yield MaskingCheck("eps", "Does the accuracy fall with eps?", by_eps, falls)

    unbounded = under_pgd(1.0)
    question = "Does an attack that may change every pixel at will always succeed?"
    yield MaskingCheck("unbounded", question, {"accuracy, eps 1": unbounded}, unbounded <= tolerance)

    others = {
        "iterative": ("Is PGD at least as strong as one step?", lambda: fgsm(model, images, labels, threat=threat)),
        "noise": ("Is random noise weaker than PGD?", lambda: random_noise(images, threat=threat, seed=seed)),
        "black box": (
            "Is an attack without gradients no stronger than PGD?",
            lambda: square(model, images, labels, threat=threat, n_queries=_QUERIES, early_stop=True, seed=seed),
        ),
    }
    if (source := transfer_from) is not None:
        others["transfer"] = (
            "Are images that were crafted on another model no stronger than PGD?",
            lambda: pgd(source, images, labels, threat=threat, steps=_STEPS[-1], seed=seed),
        )
    for name, (question, perturb) in others.items():
        other = accuracy(perturb)
        numbers = {f"accuracy, {name}": other, "accuracy, PGD": attacked}
        yield MaskingCheck(name, question, numbers, attacked <= other + tolerance)


def _rising(values: list[float]) -> bool:
    """Whether the last value is above the first, and none is more than a hair below the one before."""
    drops = [before - after > 1e-2 * max(1.0, abs(before)) for before, after in pairwise(values)]
    return values[-1] > values[0] and not any(drops)
