"""Projected gradient descent: the attack of which FGSM, Temperature-PGD, margin PGD and assistive signals are cases."""

from functools import partial
from typing import Any, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from torch import Tensor
from typing_extensions import Required, Self, TypedDict, Unpack

from friendfoe.attacks.ball import PIXELS, UNCLIPPED, Rows, ball_around
from friendfoe.attacks.config import GradientConfig
from friendfoe.attacks.contract import (
    Ids,
    Model,
    check_batch,
    check_counts,
    check_mask,
    check_positive,
    check_sample_ids,
    check_targets,
)
from friendfoe.attacks.loop import Best, climb
from friendfoe.attacks.losses import Loss, log_odds, log_odds_at, margin, softmax_cross_entropy
from friendfoe.attacks.repeated import climb_repeatedly, is_repeatable
from friendfoe.attacks.threat import Goal, Threat
from friendfoe.attacks.white_box import white_box
from friendfoe.runtime.draws import Seed

_STEP_SHARE = 0.25  # usual step, as a share of eps; not of eps / steps, so that more steps only add to fewer


def pgd(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    goal: Goal = Goal.FOE,
    steps: int,
    step_size: float | None = None,
    random_start: bool = True,
    restarts: int = 1,
    targets: Tensor | None = None,
    loss: Loss = log_odds,
    mask: Tensor | None = None,
    radii: Tensor | None = None,
    clip: bool = True,
    keep_best: bool = True,
    early_stop: bool = False,
    seed: Seed = 0,
    sample_ids: Ids = None,
) -> Tensor:
    """Projected gradient descent on the model's loss within the ball (Madry et al. 2018, section 2.1).

    With ``keep_best`` more steps (of the same size) or restarts never make the result worse, nor is it ever worse than
    the clean image. What is not said here is the contract of `friendfoe.attacks`.

    Args:
        labels: int64 [N], or probabilities [N, K] where the loss takes them.
        threat: ``linf`` (steps along the sign) or ``l2`` (steps along the normalised gradient).
        goal: raise the loss of the label or lower it.
        steps: gradients per restart; 0 gives the best of the starting points.
        step_size: in the unit of eps; where not given eps for a single step, a quarter of eps for several.
        random_start: begin at a uniform random point of the ball instead of at the clean image.
        restarts: how many starting points.
        targets: int64 [N], other than the labels; lower their loss instead of raising the labels' (goal FOE only).
        loss: what to climb; any function (logits, labels) -> [N].
        mask: bool [N or 1, C or 1, H, W], where the image may change.
        radii: [N], each sample's own radius in place of the threat's eps.
        clip: keep pixels in [0, 1]; without, only the ball bounds them.
        keep_best: return the image of the best loss on the way; otherwise the last one (of the last restart).
        early_stop: without ``keep_best`` samples that withstand get their last image, which may be misclassified, too.
    """
    check_batch(images, labels)
    check_counts(steps=steps, least=0)
    check_counts(restarts=restarts)
    if not callable(loss):
        raise ValueError(f"loss: must be a function (logits, labels) -> [N], got {loss!r}")
    if goal not in tuple(Goal):
        raise ValueError(f"goal: must be foe or friend, got {goal!r}")
    if restarts > 1 and not random_start:
        raise ValueError("restarts: more than one needs random_start, or all would be the same")
    if early_stop and (goal == Goal.FRIEND or labels.is_floating_point()):
        raise ValueError("early_stop: asks when a foe succeeds, so it needs goal foe and class labels")
    if targets is not None:
        if goal == Goal.FRIEND:
            raise ValueError("targets: belong to goal foe; a friend's target is the label")
        check_targets(images, labels, targets)
    if step_size is not None:
        check_positive(step_size=step_size)
    sample_ids = check_sample_ids(sample_ids, images)

    images = images.detach()
    allowed = None if mask is None else check_mask(mask, images)
    ball = ball_around(images, threat, allowed, radii, PIXELS if clip else UNCLIPPED)
    if not len(images):
        return images.clone()
    sizes = (
        ball.eps * (1 if steps == 1 else _STEP_SHARE)
        if step_size is None
        else torch.full_like(ball.eps, float(step_size))
    )
    sign = 1 if goal == Goal.FOE and targets is None else -1
    climbed = labels if targets is None else targets
    rows: Rows = slice(None)
    with white_box(model, images.dtype, labels=labels, targets=targets) as box:
        best = Best(box, ball.centre, keep_best=keep_best, truth=labels if early_stop else None)
        way = climb_repeatedly if is_repeatable(box, images, loss, best) else climb
        follow = partial(way, box, best=best, loss=loss, sign=sign, steps=steps)
        if random_start and keep_best:  # the clean image is a candidate too
            logits = box.logits(ball.centre)
            best.offer(rows, ball.centre, sign * loss(logits, climbed), logits)
        for restart in range(restarts):
            if early_stop:
                rows = (~best.fooled).nonzero().squeeze(1)
                if not len(rows):
                    break
            here = ball.take(rows)
            start = here.draw(seed, sample_ids[rows], restart) if random_start else here.centre
            last = keep_best or (early_stop and restart < restarts - 1)
            follow(here, start, climbed[rows], rows, step_size=sizes[rows], judge_last=last)
    return best.images.to(images.dtype)


class _Settings(TypedDict, total=False):
    """What the cases below hand on to `pgd` as it is; see there."""

    threat: Required[Threat]
    steps: Required[int]
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
    seed: Seed
    sample_ids: Ids


def margin_pgd(model: Model, images: Tensor, labels: Tensor, **settings: Unpack[_Settings]) -> Tensor:
    """PGD on the margin loss of Carlini & Wagner (2017), known as CW-inf. All else is as of `pgd`."""
    return pgd(model, images, labels, loss=margin, **settings)


def temperature_pgd(
    model: Model, images: Tensor, labels: Tensor, *, temperature: float, **settings: Unpack[_Settings]
) -> Tensor:
    """PGD on the cross-entropy of softmax(logits / temperature), from the study of class-wise robustness.

    At temperature 1 it is PGD exactly. Not the attack of TRADES, which other libraries call TPGD. Arguments and errors
    are those of `pgd`; temperature must be above 0.
    """
    return pgd(model, images, labels, loss=log_odds_at(temperature), **settings)


class DescentConfig(GradientConfig):
    """What PGD and its relatives have; they differ in the loss."""

    function = pgd

    steps: NonNegativeInt = Field(default=20, description="gradient steps per restart")
    rel_step: PositiveFloat = Field(default=_STEP_SHARE, description="size of a step as a share of eps")
    restarts: PositiveInt = Field(default=1, description="random starting points; the best result is kept")
    random_start: bool = Field(default=True, description="start at a random point of the ball, not at the image")
    keep_best: bool = Field(default=True, description="keep the best image on the way, not the last one")

    @model_validator(mode="after")
    def _restarts_differ(self) -> Self:
        if self.restarts > 1 and not self.random_start:
            raise ValueError("restarts: more than one needs random_start, or all would be the same")
        return self

    def _loss(self) -> Loss:
        return log_odds

    def _arguments(self, images: Tensor, eps: float, early_stop: bool) -> dict[str, Any]:
        size = self.rel_step * eps or None  # not given where eps is 0, for a step has to be above 0
        own = {"step_size": size, "loss": self._loss(), "keep_best": self.keep_best and not early_stop}
        return {**super()._arguments(images, eps, early_stop), **own}


class PGDConfig(DescentConfig):
    """Projected gradient descent on the cross-entropy."""

    attack: Literal["pgd"]
    loss: Literal["cross_entropy", "softmax"] = Field(
        default="cross_entropy", description="softmax: the same by way of probabilities, whose gradients may vanish"
    )

    def _loss(self) -> Loss:
        return softmax_cross_entropy if self.loss == "softmax" else log_odds


class MarginPGDConfig(DescentConfig):
    """PGD on the margin loss of Carlini & Wagner (CW-inf)."""

    attack: Literal["margin_pgd"]

    def _loss(self) -> Loss:
        return margin


class TemperaturePGDConfig(DescentConfig):
    """PGD on the cross-entropy of softmax(logits / temperature); not the attack of TRADES."""

    attack: Literal["temperature_pgd"]
    temperature: PositiveFloat = Field(description="1 is PGD; towards 0 it becomes the margin loss")

    def _loss(self) -> Loss:
        return log_odds_at(self.temperature)
