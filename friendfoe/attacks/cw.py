"""The L2 attack of Carlini & Wagner (2017, section V-A): the least change that changes the prediction."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from friendfoe.attacks.ball import length
from friendfoe.attacks.config import AttackConfig, Size
from friendfoe.attacks.contract import (
    Model,
    check_counts,
    check_labels,
    check_norm,
    check_positive,
    check_targets,
    wide,
)
from friendfoe.attacks.losses import Loss, margin
from friendfoe.attacks.threat import Threat, number
from friendfoe.attacks.white_box import WhiteBox, white_box

_MEMORY = (0.9, 0.999)  # of Adam, for the gradient and its square
_LOWER = 0.9999  # of what was least before, to go on


def cw_l2(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int = 200,
    binary_search_steps: int = 6,
    initial_const: float = 1.0,
    lr: float = 0.02,
    confidence: float = 0.0,
    targets: Tensor | None = None,
    abort_early: bool = False,
) -> Tensor:
    """Minimise |change|^2 + c max(margin, -confidence) with Adam in tanh space, and search for c; draws nothing.

    What is not said here is the contract of `friendfoe.attacks`.

    Args:
        threat: ``l2``; farther images than eps do not count.
        steps: gradients per search.
        binary_search_steps: values of c that are tried for each sample: times 10 until one succeeds, then by bisection.
        initial_const: the first c.
        lr: learning rate of Adam.
        confidence: by how much the logit of a rival (of the target) has to exceed all others.
        targets: int64 [N], other than the labels: classes to be predicted; any but the label where not given.
        abort_early: end a sample's search once a tenth of the steps has not lowered what is minimised, as the authors'
            program does, which looks at the sum over the batch. A third to three quarters of the passes; but with few
            steps, or where the loss is flat at first, it ends too soon (after distillation at T = 100, in 200 steps of
            0.02, images are a quarter farther), so that it is not taken unless it is asked for.

    Returns:
        The nearest successful image of each sample, where it lies within eps, else the clean image.
    """
    check_labels(images, labels)
    check_counts(steps=steps, binary_search_steps=binary_search_steps)
    check_positive(initial_const=initial_const, lr=lr)
    check_norm(threat, "l2")
    confidence = number("confidence", confidence)
    if not 0 <= confidence < torch.inf:
        raise ValueError(f"confidence: must be finite and at least 0, got {confidence!r}")
    check_targets(images, labels, targets)
    images = images.detach()
    if not len(images):
        return images.clone()
    classes, sign = (labels, -1) if targets is None else (targets, 1)

    def lead(logits: Tensor, classes: Tensor) -> Tensor:
        """By how much the prediction misses success: below 0 where it succeeds."""
        return sign * margin(logits, classes)

    def hinge(logits: Tensor, classes: Tensor) -> Tensor:
        return lead(logits, classes).clamp_min(-confidence)

    def succeeds(logits: Tensor, classes: Tensor) -> Tensor:
        missing = lead(logits, classes)
        return (missing < 0) & (missing <= -confidence)

    clean = wide(images)
    nearest = clean.clone()
    low, high = torch.zeros_like(clean[:, 0, 0, 0]), torch.full_like(clean[:, 0, 0, 0], torch.inf)
    c = torch.full_like(low, float(initial_const))
    with white_box(model, images.dtype, labels=labels, targets=targets) as box:
        distance = torch.where(succeeds(box.logits(clean), classes), 0.0, torch.inf).to(clean)
        left = (distance > 0).nonzero().squeeze(1)  # the others are as near as can be
        for _ in range(binary_search_steps if len(left) else 0):
            succeeded = torch.zeros_like(distance, dtype=torch.bool)
            search = descend(box, clean[left], classes[left], hinge, c[left], steps, float(lr), abort_early=abort_early)
            for going, current, logits in search:
                rows = left[going]
                success = succeeds(logits, classes[rows])
                reach = length(current - clean[rows]).flatten()
                closer = success & (reach < distance[rows])
                nearest[rows[closer]], distance[rows[closer]] = current[closer], reach[closer]
                succeeded[rows] |= success
            low, high = torch.where(succeeded, low, c), torch.where(succeeded, c, high)
            c = torch.where(high.isinf(), 10 * c, (low + high) / 2)
    return torch.where((distance <= threat.eps).view(-1, 1, 1, 1), nearest, clean).to(images.dtype)


def descend(
    box: WhiteBox,
    images: Tensor,
    classes: Tensor,
    hinge: Loss,
    c: Tensor,
    steps: int,
    lr: float,
    *,
    pull: Callable[[Tensor], Tensor] = lambda change: 2 * change,
    start: Tensor | None = None,
    free: Tensor | None = None,
    abort_early: bool = False,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Adam on a distance of `current` from the images + c hinge, for current = (tanh(w) + 1) / 2.

    Args:
        pull: the gradient of the distance, [N, C, H, W], at a change; where not given that of |change|^2.
        start: where it begins; at the images where not given.
        free: bool [N, C, H, W], the pixels that may change; all where not given.
        abort_early: end with a sample once a tenth of the steps has not lowered |change|^2 + c hinge.

    Yields:
        Which samples still go on, int64 [n], what is shown of them [n, C, H, W], and its logits [n, K].
    """
    going = torch.arange(len(images), device=images.device)
    least, before = torch.full_like(c, torch.inf), torch.full_like(c, torch.inf)
    w = torch.atanh((2 * (images if start is None else start) - 1) * (1 - 1e-6))
    first, second = torch.zeros_like(w), torch.zeros_like(w)
    for step in range(1, steps + 1):
        squashed = w.tanh()
        current = (squashed + 1) / 2
        if free is not None:
            current = torch.where(free, current, images)
        logits, missing, gradient = box.gradient(current, classes, hinge)
        yield going, box.shown(current), logits
        slope = (pull(current - images) + c.view(-1, 1, 1, 1) * gradient) * (1 - squashed**2) / 2
        first = _MEMORY[0] * first + (1 - _MEMORY[0]) * slope
        second = _MEMORY[1] * second + (1 - _MEMORY[1]) * slope**2
        mean, variance = first / (1 - _MEMORY[0] ** step), second / (1 - _MEMORY[1] ** step)
        w = w - lr * mean / (variance.sqrt() + 1e-8)
        if abort_early:
            least = torch.minimum(least, length(current - images).flatten() ** 2 + c * missing)
            if step % max(1, steps // 10) == 0:
                lower = (least < _LOWER * before).nonzero().squeeze(1)
                if not len(lower):
                    return
                before = least
                if len(lower) < len(going):
                    going, images, classes, c, w, first, second, least, before = (
                        values[lower] for values in (going, images, classes, c, w, first, second, least, before)
                    )
                    free = None if free is None else free[lower]


class CWL2Config(AttackConfig):
    """Carlini & Wagner's L2 attack: the least change that changes the prediction."""

    attack: Literal["cw_l2"]
    function = cw_l2
    eps: Size = Field(description="largest Euclidean length that counts")
    steps: PositiveInt = Field(default=200, description="gradient steps per search")
    binary_search_steps: PositiveInt = Field(default=6, description="trials for the weight of the margin")
    initial_const: PositiveFloat = Field(default=1.0, description="the first of these weights")
    lr: PositiveFloat = Field(default=0.02, description="learning rate")
    confidence: NonNegativeFloat = Field(default=0.0, description="lead that the wrong class must have")

    def _arguments(self, images: Tensor, eps: float, early_stop: bool) -> dict[str, Any]:
        return {"threat": Threat("l2", eps)}
