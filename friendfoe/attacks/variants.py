"""Named cases of PGD: FGSM, assistive signals, Temperature-PGD and margin PGD."""

from torch import Tensor
from typing_extensions import TypedDict, Unpack

from friendfoe.attacks.contract import Model
from friendfoe.attacks.losses import Loss, log_odds, log_odds_at, margin
from friendfoe.attacks.projected import pgd
from friendfoe.attacks.threat import Goal, Threat


class Settings(TypedDict, total=False):
    """What the cases hand on to :func:`~friendfoe.attacks.pgd` as it is; see there."""

    goal: Goal
    step_size: float | None
    random_start: bool
    restarts: int
    targets: Tensor | None
    mask: Tensor | None
    radii: Tensor | None
    clip: bool
    keep_best: bool
    early_stop: bool
    seed: int
    samples: Tensor | None


def fgsm(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    goal: Goal = Goal.FOE,
    loss: Loss = log_odds,
    mask: Tensor | None = None,
    radii: Tensor | None = None,
    clip: bool = True,
) -> Tensor:
    """Fast gradient sign method: one step of length eps from the clean image, clipped to [0, 1]; draws nothing.

    For ``linf`` x + eps sign(g) (Goodfellow et al. 2015, section 4), for ``l2`` x + eps g / |g|. The goal FRIEND
    subtracts. Without ``clip`` it is the formula alone, and pixels may leave [0, 1]. Arguments and errors are those of
    :func:`~friendfoe.attacks.pgd`.
    """
    return pgd(
        model,
        images,
        labels,
        threat=threat,
        goal=goal,
        steps=1,
        random_start=False,
        loss=loss,
        mask=mask,
        radii=radii,
        clip=clip,
        keep_best=False,
    )


def assist(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int = 1,
    step_size: float | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Assistive signal: lowers the loss of the label, starting from the clean image; draws nothing.

    One step is x - eps sign(g), clipped to [0, 1], the definition of the assistive study; several are PGD downhill that
    keeps the best image. Arguments and errors are those of :func:`~friendfoe.attacks.pgd`.
    """
    return pgd(
        model,
        images,
        labels,
        threat=threat,
        goal=Goal.FRIEND,
        steps=steps,
        step_size=step_size,
        random_start=False,
        mask=mask,
        keep_best=steps > 1,
    )


def temperature_pgd(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int,
    temperature: float,
    **settings: Unpack[Settings],
) -> Tensor:
    """PGD on the cross-entropy of softmax(logits / temperature), from the study of class-wise robustness.

    At temperature 1 it is PGD exactly. Not the attack of TRADES, which other libraries call TPGD. Arguments and errors
    are those of :func:`~friendfoe.attacks.pgd`; temperature must be above 0.
    """
    return pgd(model, images, labels, threat=threat, steps=steps, loss=log_odds_at(temperature), **settings)


def margin_pgd(
    model: Model, images: Tensor, labels: Tensor, *, threat: Threat, steps: int, **settings: Unpack[Settings]
) -> Tensor:
    """PGD on the margin loss of Carlini & Wagner (2017), known as CW-inf.

    Arguments and errors are those of :func:`~friendfoe.attacks.pgd`.
    """
    return pgd(model, images, labels, threat=threat, steps=steps, loss=margin, **settings)
