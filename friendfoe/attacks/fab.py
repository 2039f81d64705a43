"""FAB: the fast adaptive boundary attack, which looks for the nearest image beyond the decision boundary.

Croce & Hein, "Minimally distorted adversarial examples with a fast adaptive boundary attack" (2020), the targeted form.
"""

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from friendfoe.attacks.ball import taken
from friendfoe.attacks.config import BallConfig
from friendfoe.attacks.contract import Model, check_counts, check_labels, check_norm, wide
from friendfoe.attacks.loop import put
from friendfoe.attacks.losses import rivals
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import WhiteBox, white_box

_OVERSHOOT = 1.05  # eta: how far beyond the linearised boundary
_BIAS = 0.1  # alpha_max: the largest weight of the point that is projected from the clean image
_BACK = 0.9  # beta: how much of the perturbation is kept once the boundary is crossed
_BLIND = 8  # steps of Newton's method on an accelerator, where each look waits; it has mostly done after 4 or 5


def fab_t(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int = 100,
    n_target_classes: int = 9,
    early_stop: bool = False,
) -> Tensor:
    """Targeted FAB: for each of the likeliest rival classes, walk along the linearised boundary to it; draws nothing.

    What is not said here is the contract of `friendfoe.attacks`.

    Args:
        threat: ``linf`` or ``l2``.
        steps: gradients per target.
        n_target_classes: how many rivals are targets, the likeliest first.
        early_stop: stop working on a sample at its first misclassified image within eps; else find the nearest.

    Returns:
        The nearest misclassified image of each sample, where it lies within eps, else the clean image.
    """
    check_labels(images, labels)
    check_counts(steps=steps, n_target_classes=n_target_classes)
    check_norm(threat, "linf", "l2")
    images = images.detach()
    if not len(images):
        return images.clone()
    clean = wide(images)
    nearest = clean.clone()
    with white_box(model, images.dtype, labels=labels) as box:
        logits = box.logits(clean)
        distance = torch.where(logits.argmax(1) == labels, torch.inf, 0.0).to(clean)
        targets = rivals(logits, labels)[:, :n_target_classes]
        done, enough = 0, threat.eps if early_stop else 0.0
        while done < targets.shape[1] and len(rows := (distance > enough).nonzero().squeeze(1)):
            part = targets[rows, done:][:, : box.repeats(clean, len(rows))]
            walks = _walk(box, taken(clean, rows), labels[rows], part, threat, steps, early_stop)
            for near, far in zip(*walks, strict=True):  # as if one target followed the other
                closer = (far < distance[rows]) & (distance[rows] > enough)
                distance[rows] = torch.where(closer, far, distance[rows])
                put(nearest, rows, near, closer)
            done += part.shape[1]
    return torch.where((distance <= threat.eps).view(-1, 1, 1, 1), nearest, clean).to(images.dtype)


def _walk(
    box: WhiteBox, images: Tensor, labels: Tensor, targets: Tensor, threat: Threat, steps: int, early_stop: bool
) -> tuple[Tensor, Tensor]:
    """The nearest misclassified images on the way to each of the targets [n, T], and their distances.

    They are [T, n, C, H, W] and [T, n]. With ``early_stop`` they are complete for each image's first target within eps
    and for those before it.
    """
    count = targets.shape[1]
    every = images.repeat(count, 1, 1, 1)
    nearest, distance = every.clone(), torch.full_like(every[:, 0, 0, 0], torch.inf)
    rows, clean, current = torch.arange(len(every), device=images.device), every, every
    pairs = torch.stack([labels.repeat(count), targets.t().flatten()], 1)
    for _ in range(steps):
        # its logits are those of the step before only where that has not crossed the boundary, which most do, and which
        # do so nobody can tell beforehand: to ask for gradients in place of logits costs more than it saves
        _, gap, normal = box.gradient(current, pairs, _lead)
        current = _beyond(current, clean, gap.to(current), normal, threat.norm)
        crossed = box.logits(current).argmax(1) != pairs[:, 0]
        seen = box.shown(current)
        reach = size(seen - clean, threat.norm)
        closer = crossed & (reach < distance[rows])
        distance[rows] = torch.where(closer, reach, distance[rows])
        put(nearest, rows, seen, closer)
        current = clean.lerp(current, torch.where(crossed, _BACK, 1.0).to(clean).view(-1, 1, 1, 1))
        if early_stop:
            least = distance.view(count, -1).cummin(0).values.flatten()  # of this target and those before it
            going = (least[rows] > threat.eps).nonzero().squeeze(1)
            if not len(going):
                break
            if len(going) < len(rows):
                rows, pairs, clean, current = (taken(part, going) for part in (rows, pairs, clean, current))
    return nearest.view(count, *images.shape), distance.view(count, -1)


def _beyond(current: Tensor, clean: Tensor, gap: Tensor, normal: Tensor, norm: str) -> Tensor:
    """A little beyond the linearised boundary: the point next to the current images, drawn to that next to the clean.

    The weight of the latter is the larger the nearer it is, up to a limit (section 2.3).
    """
    weight = normal.flatten(1)
    points = torch.stack([current, clean])
    offset = torch.stack([gap, gap - ((current - clean).flatten(1) * weight).sum(1)])
    from_current, from_clean = to_hyperplane(points.flatten(2), weight, -offset, norm).view_as(points)
    near, far = size(from_current, norm).clamp_min(1e-8), size(from_clean, norm).clamp_min(1e-8)
    share = (near / (near + far)).clamp_max(_BIAS).view(-1, 1, 1, 1)
    return current.add(from_current, alpha=_OVERSHOOT).lerp(clean.add(from_clean, alpha=_OVERSHOOT), share).clamp(0, 1)


def _lead(logits: Tensor, pairs: Tensor) -> Tensor:
    """How far the target's logit is above the label's; ``pairs`` int64 [N, 2] of label and target."""
    label, target = wide(logits).gather(1, pairs).unbind(1)
    return target - label


def size(change: Tensor, norm: str) -> Tensor:
    """Norm [N] of each sample's change [N, C, H, W]."""
    flat = change.flatten(1)
    return flat.abs().amax(1) if norm == "linf" else flat.pow(2).sum(1).sqrt()


def to_hyperplane(points: Tensor, weight: Tensor, gap: Tensor, norm: str) -> Tensor:
    """The smallest change d [..., N, D], in linf or l2, with <weight, d> = gap [..., N] and points + d in [0, 1].

    Where no such change exists, the one that comes closest. Each coordinate moves in proportion to a rate (1 in linf,
    |weight| in l2) until it meets the border of the box, so <weight, d> is a concave, piecewise linear function of the
    common factor: Newton's method climbs it from 0, never past the solution, and has it once no piece is left behind.
    """
    towards = weight.sign() * gap.sign().unsqueeze(-1)
    room = (towards.clamp_min(0) - points).abs()
    limits = torch.finfo(points.dtype)
    slope = weight.abs()
    scale = slope.amax(-1).clamp_min(limits.tiny)  # lest squares vanish or overflow
    slope = slope / scale.unsqueeze(-1)
    rate = slope if norm == "l2" else torch.ones_like(slope[:, :1])
    gain, aim = slope * rate, gap.abs() / scale
    factor, rise = torch.zeros_like(aim), torch.full_like(aim, torch.inf)
    blind = 1 if points.device.type == "cpu" else _BLIND
    for number in range(1, points.shape[-1] + 2):
        change = torch.minimum(room, factor.unsqueeze(-1) * rate)
        last, rise = rise, torch.linalg.vecdot(gain, (room - change).sign())  # of those that have room left
        if number % blind == 0 and torch.equal(rise, last):
            break
        missing = (aim - torch.linalg.vecdot(slope, change)).clamp_min(0)
        factor = (factor + missing / rise.clamp_min(limits.tiny)).clamp_max(limits.max)
    return towards * change


class FABTConfig(BallConfig):
    """Targeted FAB: looks for the nearest misclassified image."""

    attack: Literal["fab_t"]
    function = fab_t
    steps: PositiveInt = Field(default=100, description="gradient steps per target")
    n_target_classes: PositiveInt = Field(default=9, description="how many of the likeliest rival classes are targets")
