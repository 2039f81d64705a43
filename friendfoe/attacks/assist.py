"""Assistive signals: perturbations that help a model."""

from functools import partial
from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from friendfoe.attacks.config import LoopConfig
from friendfoe.attacks.contract import Model
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Goal, Threat


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
    keeps the best image. Arguments and errors are those of `pgd`.
    """
    descend = partial(pgd, goal=Goal.FRIEND, random_start=False, keep_best=steps != 1)
    return descend(model, images, labels, threat=threat, steps=steps, step_size=step_size, mask=mask)


class AssistConfig(LoopConfig):
    """Assistive signal: gradient steps that lower the loss of the true label."""

    attack: Literal["assist"]
    function = assist
    steps: PositiveInt = Field(default=1, description="gradient steps; 1 is the definition of the assistive study")
    rel_step: PositiveFloat | None = Field(
        default=None, description="a step as a share of eps; null: 1 for one step, else 0.25"
    )

    def _arguments(self, images: Tensor, eps: float, early_stop: bool) -> dict[str, Any]:
        size = (self.rel_step or 0.0) * eps or None  # not given where eps is 0, for a step has to be above 0
        return {**super()._arguments(images, eps, early_stop), "step_size": size}
