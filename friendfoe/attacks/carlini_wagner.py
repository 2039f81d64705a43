"""The L2 attack of Carlini & Wagner (2017, section V-A): the least change that changes the prediction."""

from collections.abc import Iterator

import torch
from torch import Tensor

from friendfoe.attacks.ball import length
from friendfoe.attacks.contract import Model, check_classes, check_count, check_labels, check_norm, check_positive
from friendfoe.attacks.losses import Loss, margin
from friendfoe.attacks.oracle import Oracle, crafting
from friendfoe.attacks.threat import Threat

_MEMORY = (0.9, 0.999)  # of Adam, for the gradient and its square


def cw_l2(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int = 200,
    searches: int = 6,
    weight: float = 1.0,
    rate: float = 0.02,
    confidence: float = 0.0,
    targets: Tensor | None = None,
) -> Tensor:
    """Minimise |change|^2 + c max(margin, -confidence) with Adam in tanh space, and search for c; draws nothing.

    Args:
        model: gives logits [N, K].
        images: floating [N, C, H, W] in [0, 1].
        labels: int64 [N].
        threat: ``l2``; farther images than eps do not count.
        steps: gradients per search.
        searches: values of c that are tried for each sample: times 10 until one succeeds, then by bisection.
        weight: the first c.
        rate: learning rate of Adam.
        confidence: by how much the logit of a rival (of the target) has to exceed all others.
        targets: int64 [N], classes to be predicted; any class but the label where not given.

    Returns:
        The nearest successful image of each sample, where it lies within eps, else the clean image.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    check_labels(images, labels)
    check_count("steps", steps)
    check_count("searches", searches)
    check_positive("weight", weight)
    check_positive("rate", rate)
    check_norm(threat, "l2")
    if not confidence >= 0:
        raise ValueError(f"confidence: must be at least 0, got {confidence!r}")
    if targets is not None:
        check_classes("targets", targets, len(images))
    images = images.detach()
    if not len(images):
        return images.clone()
    classes, sign = (labels, -1) if targets is None else (targets, 1)

    def lead(logits: Tensor, of: Tensor) -> Tensor:
        """By how much the prediction misses success: below 0 where it succeeds."""
        return sign * margin(logits, of)

    def hinge(logits: Tensor, of: Tensor) -> Tensor:
        return lead(logits, of).clamp_min(-confidence)

    def succeeds(logits: Tensor) -> Tensor:
        missing = lead(logits, classes)
        return (missing < 0) & (missing <= -confidence)

    nearest = images.clone()
    low, high = torch.zeros_like(images[:, 0, 0, 0]), torch.full_like(images[:, 0, 0, 0], torch.inf)
    c = torch.full_like(low, weight)
    with crafting(model, labels=labels, targets=targets) as oracle:
        distance = torch.where(succeeds(oracle.logits(images)), 0.0, torch.inf).to(images)
        for _ in range(searches):
            succeeded = torch.zeros_like(distance, dtype=torch.bool)
            for current, logits in _descend(oracle, images, classes, hinge, c, steps, rate):
                success = succeeds(logits)
                reach = length(current - images).flatten()
                closer = success & (reach < distance)
                nearest = torch.where(closer.view(-1, 1, 1, 1), current, nearest)
                distance = torch.where(closer, reach, distance)
                succeeded |= success
            low, high = torch.where(succeeded, low, c), torch.where(succeeded, c, high)
            c = torch.where(high.isinf(), 10 * c, (low + high) / 2)
    return torch.where((distance <= threat.eps).view(-1, 1, 1, 1), nearest, images)


def _descend(
    oracle: Oracle, images: Tensor, classes: Tensor, hinge: Loss, c: Tensor, steps: int, rate: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """Adam on |current - images|^2 + c hinge, for current = (tanh(w) + 1) / 2; yields every image and its logits."""
    w = torch.atanh((2 * images - 1) * (1 - 1e-6))
    first, second = torch.zeros_like(w), torch.zeros_like(w)
    for step in range(1, steps + 1):
        squashed = w.tanh()
        current = (squashed + 1) / 2
        logits, _, gradient = oracle.gradient(current, classes, hinge)
        yield current, logits
        slope = (2 * (current - images) + c.view(-1, 1, 1, 1) * gradient) * (1 - squashed**2) / 2
        first = _MEMORY[0] * first + (1 - _MEMORY[0]) * slope
        second = _MEMORY[1] * second + (1 - _MEMORY[1]) * slope**2
        mean, variance = first / (1 - _MEMORY[0] ** step), second / (1 - _MEMORY[1] ** step)
        w = w - rate * mean / (variance.sqrt() + 1e-8)
