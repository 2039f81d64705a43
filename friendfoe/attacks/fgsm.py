"""FGSM, the fast gradient sign method (Goodfellow et al. 2015)."""

from functools import partial
from typing import Literal

from torch import Tensor

from friendfoe.attacks.config import Clip, GradientConfig
from friendfoe.attacks.contract import Model
from friendfoe.attacks.losses import Loss, log_odds
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Goal, Threat


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
    """One step of length eps from the clean image, clipped to [0, 1]; draws nothing.

    For ``linf`` x + eps sign(g) (Goodfellow et al. 2015, section 4), for ``l2`` x + eps g / |g|. The goal FRIEND
    subtracts. Without ``clip`` it is the formula alone, and pixels may leave [0, 1]. Arguments and errors are those of
    `pgd`.
    """
    step = partial(pgd, steps=1, random_start=False, keep_best=False)
    return step(model, images, labels, threat=threat, goal=goal, loss=loss, mask=mask, radii=radii, clip=clip)


class FGSMConfig(GradientConfig):
    """Fast gradient sign method: one step of size eps."""

    attack: Literal["fgsm"]
    function = fgsm
    clip: Clip = True
