"""Auto-PGD: PGD with momentum that chooses its own step sizes (Croce & Hein 2020, algorithm 1)."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from friendfoe.attacks.ball import Ball, ball_around, taken
from friendfoe.attacks.config import BallConfig
from friendfoe.attacks.contract import Ids, Model, check_counts, check_labels, check_sample_ids, check_targets
from friendfoe.attacks.loop import Best, chosen
from friendfoe.attacks.losses import Loss, dlr, dlr_towards, log_odds, log_odds_towards
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import WhiteBox, white_box

Climbed = Literal["cross_entropy", "dlr"]
_LOSSES = {"cross_entropy": (log_odds, log_odds_towards), "dlr": (dlr, dlr_towards)}  # without and with targets
_MOMENTUM = 0.75  # alpha
_RISING = 0.75  # rho: the step is halved unless more than this share of the steps raised the loss
_FIRST, _SHRINK, _LEAST = 0.22, 0.03, 0.06  # checkpoint distances, as shares of all steps


def apgd(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int = 100,
    restarts: int = 1,
    loss: Climbed = "cross_entropy",
    targets: Tensor | None = None,
    early_stop: bool = False,
    seed: int = 0,
    sample_ids: Ids = None,
) -> Tensor:
    """Auto-PGD: no step size to choose. Keeps the image of the highest loss.

    What is not said here is the contract of `friendfoe.attacks`.

    Args:
        threat: ``linf`` or ``l2``.
        steps: gradients per restart, besides that of the starting point.
        restarts: random starting points.
        loss: what to climb; ``dlr`` is the difference of logits ratio, and needs 3 classes, with targets 4.
        targets: int64 [N], classes other than the labels; climb the targeted form of the loss.
    """
    check_labels(images, labels)
    check_counts(steps=steps, restarts=restarts)
    if loss not in _LOSSES:
        raise ValueError(f"loss: must be {' or '.join(_LOSSES)}, got {loss!r}")
    sample_ids = check_sample_ids(sample_ids, images)
    images = images.detach()
    ball = ball_around(images, threat)
    check_targets(images, labels, targets)
    if not len(images):
        return images.clone()
    climbed = _LOSSES[loss][targets is not None]
    classes = labels if targets is None else torch.stack([labels, targets], 1)
    with white_box(model, images.dtype, labels=labels, targets=targets) as box:
        best = Best(box, ball.centre, keep_best=True, truth=labels if early_stop else None)
        logits = box.logits(ball.centre)
        best.offer(slice(None), ball.centre, climbed(logits, classes), logits)
        for restart in range(restarts):
            rows = best.standing()
            if not len(rows):
                break
            here = ball.take(rows)
            _climb(box, here, here.draw(seed, sample_ids[rows], restart), classes[rows], rows, best, climbed, steps)
    return best.images.to(images.dtype)


def apgd_in_turn(
    box: WhiteBox,
    images: Tensor,
    labels: Tensor,
    targets: Tensor,
    *,
    threat: Threat,
    steps: int,
    loss: Climbed,
    seeds: Sequence[int],
    sample_ids: Tensor,
) -> Tensor:
    """What APGD reaches with ``early_stop`` towards one target after the other, computed side by side.

    Args:
        targets: int64 [N, T], for each sample in the order in which they would be tried.
        seeds: of each of the T.

    Returns:
        The misclassified image that was reached towards a sample's first target to succeed, else that of the last one.
    """
    count = targets.shape[1]
    ball = ball_around(images.repeat(count, 1, 1, 1), threat)
    pairs = torch.stack([labels.repeat(count), targets.t().flatten()], 1)
    climbed = _LOSSES[loss][True]
    best = Best(box, ball.centre, keep_best=True, truth=pairs[:, 0], in_turn=count)
    logits = box.logits(ball.centre[: len(images)]).repeat(count, 1)
    best.offer(slice(None), ball.centre, climbed(logits, pairs), logits)
    rows = best.standing()
    alone = ball.take(slice(len(images)))
    start = torch.cat([alone.draw(seed, sample_ids, 0) for seed in seeds])
    _climb(box, ball.take(rows), start[rows], pairs[rows], rows, best, climbed, steps)
    succeeded = best.fooled.view(count, -1)
    first = (succeeded.cumsum(0) == 0).sum(0).clamp_max(count - 1)
    return best.images.view(count, *images.shape)[first, torch.arange(len(images), device=images.device)].to(
        images.dtype
    )


class _Climber:
    """What the climb knows of each sample; every attribute has one entry (row) per sample."""

    def __init__(
        self, rows: Tensor, classes: Tensor, images: Tensor, direction: Tensor, loss: Tensor, step: Tensor
    ) -> None:
        self.rows, self.classes, self.step = rows, classes, step
        self.images = self.previous = self.best_images = images
        self.direction = self.best_direction = direction
        self.loss = self.best_loss = loss
        self.checked_loss = loss  # the best at the last checkpoint
        self.rises = torch.zeros_like(rows)  # how many steps since then raised the loss
        # whether the last checkpoint halved the step; true at first, so that the first one looks at the rises alone
        self.halved = torch.ones_like(rows, dtype=torch.bool)

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the samples."""
        for name, values in vars(self).items():
            setattr(self, name, taken(values, rows))

    def arrive(self, images: Tensor, loss: Tensor, direction: Tensor) -> None:
        """Move to new images, and remember them where they are the best."""
        self.rises += loss > self.loss
        self.previous, self.images, self.loss, self.direction = self.images, images, loss, direction
        better = loss >= self.best_loss
        self.best_images = chosen(better, images, self.best_images)
        self.best_direction = chosen(better, direction, self.best_direction)
        self.best_loss = torch.where(better, loss, self.best_loss)

    def check(self, distance: int) -> None:
        """Halve the step where the loss rose too rarely, or the best did not move; go on from the best image there."""
        stuck = ~self.halved & (self.best_loss <= self.checked_loss)
        halve = (self.rises <= _RISING * distance) | stuck
        self.step = torch.where(halve.view(-1, 1, 1, 1), self.step / 2, self.step)
        self.images = chosen(halve, self.best_images, self.images)
        self.direction = chosen(halve, self.best_direction, self.direction)
        self.halved, self.checked_loss = halve, self.best_loss
        self.rises = torch.zeros_like(self.rises)


def _climb(
    box: WhiteBox, ball: Ball, start: Tensor, classes: Tensor, rows: Tensor, best: Best, loss: Loss, steps: int
) -> None:
    """Climb the loss from ``start`` and offer every image on the way to ``best``.

    ``ball``, ``start`` and ``classes`` are those of the samples ``rows`` of ``best``.
    """
    logits, values, gradient = box.gradient(start, classes, loss)
    best.offer(rows, start, values, logits)
    c = _Climber(rows, classes, start, ball.direction(gradient), values, 2 * ball.eps)
    at = distance = max(int(_FIRST * steps), 1)  # the next checkpoint, and its distance from the last
    for number in range(steps):
        if best.stops_early and best.may_fall:
            going = (~best.finished()[c.rows]).nonzero().squeeze(1)
            if len(going) < len(c.rows):
                c.keep(going)
                ball = ball.take(going)
            if not len(going):
                return
        share = _MOMENTUM if number else 1.0
        images = ball.move(c.images, c.direction, c.step)
        images = ball.project(c.images + share * (images - c.images) + (1 - share) * (c.images - c.previous))
        logits, values, gradient = box.gradient(images, c.classes, loss)
        best.offer(c.rows, images, values, logits)
        c.arrive(images, values, ball.direction(gradient))
        if number + 1 == at:
            c.check(distance)
            distance = max(distance - max(int(_SHRINK * steps), 1), max(int(_LEAST * steps), 1))
            at += distance


class APGDConfig(BallConfig):
    """Auto-PGD: PGD with momentum that chooses its own step sizes."""

    attack: Literal["apgd"]
    function = apgd
    loss: Climbed = Field(default="cross_entropy", description="dlr: difference of logits ratio")
    steps: PositiveInt = Field(default=100, description="gradient steps per restart")
    restarts: PositiveInt = Field(default=1, description="random starting points; the best result is kept")

    @property
    def least_classes(self) -> int:
        """The difference of logits ratio has three logits in it."""
        return 3 if self.loss == "dlr" else 2
