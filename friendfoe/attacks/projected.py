"""Projected gradient descent: the attack of which FGSM, Temperature-PGD, margin PGD and assistive signals are cases."""

import torch
from torch import Tensor

from friendfoe.attacks.ball import PIXELS, UNCLIPPED, Rows, ball_around
from friendfoe.attacks.contract import (
    Model,
    check_batch,
    check_classes,
    check_count,
    check_mask,
    check_positive,
    identities,
)
from friendfoe.attacks.loop import Best, climb
from friendfoe.attacks.losses import Loss, log_odds
from friendfoe.attacks.oracle import crafting
from friendfoe.attacks.threat import Goal, Threat

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
    seed: int = 0,
    samples: Tensor | None = None,
) -> Tensor:
    """Projected gradient descent on the model's loss within the ball (Madry et al. 2018, section 2.1).

    With ``keep_best`` more steps (of the same size) or restarts never make the result worse, nor is it ever worse than
    the clean image.

    Args:
        model: gives logits [N, K].
        images: floating [N, C, H, W] in [0, 1].
        labels: int64 [N], or probabilities [N, K] where the loss takes them.
        threat: ``linf`` (steps along the sign) or ``l2`` (steps along the normalised gradient).
        goal: raise the loss of the label or lower it.
        steps: gradients per restart; 0 gives the best of the starting points.
        step_size: in the unit of eps; where not given eps for a single step, a quarter of eps for several.
        random_start: begin at a uniform random point of the ball instead of at the clean image.
        restarts: how many starting points.
        targets: int64 [N]; lower the loss of these classes instead of raising that of the labels (goal FOE only).
        loss: what to climb; any function (logits, labels) -> [N].
        mask: bool [N or 1, C or 1, H, W], where the image may change.
        radii: [N], each sample's own radius in place of the threat's eps.
        clip: keep pixels in [0, 1]; without, only the ball bounds them.
        keep_best: return the image of the best loss on the way; otherwise the last one (of the last restart).
        early_stop: stop working on a sample once the model does not predict its label; that image is then returned.
            Without ``keep_best`` other samples get their last image, which may be misclassified, too.
        seed: of the random starts.
        samples: int64 [N], the identity of each image, for the random starts; its place in the batch where not given.

    Returns:
        Perturbed images, like ``images``.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    check_batch(images, labels)
    check_count("steps", steps, least=0)
    check_count("restarts", restarts)
    if goal not in tuple(Goal):
        raise ValueError(f"goal: must be foe or friend, got {goal!r}")
    if restarts > 1 and not random_start:
        raise ValueError("restarts: more than one needs random_start, or all would be the same")
    if early_stop and (goal == Goal.FRIEND or labels.is_floating_point()):
        raise ValueError("early_stop: asks when a foe succeeds, so it needs goal foe and class labels")
    if targets is not None:
        if goal == Goal.FRIEND:
            raise ValueError("targets: belong to goal foe; a friend's target is the label")
        check_classes("targets", targets, len(images))
    if step_size is not None:
        check_positive("step_size", step_size)
    samples = identities(samples, images)

    images = images.detach()
    allowed = None if mask is None else check_mask(mask, images)
    ball = ball_around(images, threat, allowed, radii, PIXELS if clip else UNCLIPPED)
    if not len(images):
        return images.clone()
    size = ball.eps * (1 if steps == 1 else _STEP_SHARE) if step_size is None else torch.full_like(ball.eps, step_size)
    sign = 1 if goal == Goal.FOE and targets is None else -1
    climbed = labels if targets is None else targets
    rows: Rows = slice(None)
    with crafting(model, labels=labels, targets=targets) as oracle:
        best = Best(oracle, images, keep_best=keep_best, truth=labels if early_stop else None)

        def search(start: Tensor, steps: int, judge_last: bool) -> None:
            climb(
                oracle,
                ball.take(rows),
                start,
                climbed[rows],
                rows,
                best,
                loss=loss,
                sign=sign,
                steps=steps,
                step_size=size[rows],
                judge_last=judge_last,
            )

        if random_start and keep_best:  # the clean image is a candidate too
            search(images, 0, judge_last=True)
        for restart in range(restarts):
            if early_stop:
                rows = (~best.fooled).nonzero().squeeze(1)
                if not len(rows):
                    break
            start = ball.take(rows).draw(seed, samples[rows], restart) if random_start else images[rows]
            search(start, steps, judge_last=keep_best or (early_stop and restart < restarts - 1))
    if not bool(best.images.isfinite().all()):
        raise ValueError("model: its gradient is not finite")
    return best.images
