"""The L0 attack of Carlini & Wagner (2017, section VI-B): the fewest pixels whose change changes the prediction."""

from typing import Any, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from friendfoe.attacks.ball import length
from friendfoe.attacks.config import AttackConfig, Share
from friendfoe.attacks.contract import Model, check_counts, check_labels, check_norm, check_positive, wide
from friendfoe.attacks.cw import descend
from friendfoe.attacks.losses import margin
from friendfoe.attacks.threat import Threat, number
from friendfoe.attacks.white_box import WhiteBox, white_box


def cw_l0(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int = 100,
    trials: int = 4,
    initial_const: float = 1.0,
    lr: float = 0.02,
    removed: float = 0.2,
) -> Tensor:
    """Attack in L2 on all pixels, then on those that mattered most, and so on until no attack succeeds; draws nothing.

    What a pixel (all its channels) matters is the change of it times the gradient of the margin. The paper removes one
    pixel at a time; a share of them takes a number of rounds that grows with the logarithm of their number. What is not
    said here is the contract of `friendfoe.attacks`.

    Args:
        threat: ``l0``; eps is the share of the features (C x H x W) that may change.
        steps: gradients per search.
        trials: searches per round at most, until one succeeds: each with ten times the weight of the margin.
        initial_const: the first of these weights; later rounds go on with the last one.
        lr: learning rate of Adam.
        removed: share of the pixels that a round leaves out, at least one.

    Returns:
        The successful image of each sample with the fewest changed pixels, where it lies within eps, else the clean
        image.
    """
    check_labels(images, labels)
    check_counts(steps=steps, trials=trials)
    check_positive(initial_const=initial_const, lr=lr, removed=removed)
    check_norm(threat, "l0")
    if number("removed", removed) > 1:
        raise ValueError(f"removed: must be at most 1, got {removed!r}")
    images = images.detach()
    if not len(images):
        return images.clone()
    clean = wide(images)
    fewest, free = clean.clone(), torch.ones_like(clean, dtype=torch.bool)
    c = torch.full_like(clean[:, 0, 0, 0], float(initial_const))
    with white_box(model, images.dtype, labels=labels) as box:
        rows = (lead(box.logits(clean), labels) >= 0).nonzero().squeeze(1)
        fooled = torch.ones(len(images), dtype=torch.bool, device=images.device)
        fooled[rows] = False
        while len(rows):
            search = (clean[rows], labels[rows], free[rows], fewest[rows])
            found, won, c[rows] = _search(box, *search, c[rows], steps, float(lr), trials)
            rows, found = rows[won], found[won]
            fewest[rows], fooled[rows] = found, True
            if len(rows):
                change = found - clean[rows]
                worth = (box.gradient(found, labels[rows], lead)[2] * change).abs()
                free[rows] = kept(worth, change != 0, float(removed))
                rows = rows[free[rows].flatten(1).any(1)]
    changed = (fewest.to(images.dtype) != images).flatten(1).double().mean(1)
    within = fooled & (changed <= threat.eps)
    return torch.where(within.view(-1, 1, 1, 1), fewest, clean).to(images.dtype)


def lead(logits: Tensor, labels: Tensor) -> Tensor:
    """By how much the label is ahead [N]: below 0 where the model errs."""
    return -margin(logits, labels)


def hinge(logits: Tensor, labels: Tensor) -> Tensor:
    """The same, and 0 where the model errs."""
    return lead(logits, labels).clamp_min(0)


def kept(worth: Tensor, changed: Tensor, removed: float) -> Tensor:
    """The pixels that the next round may change: of the changed ones all but a share that is worth least.

    Args:
        worth: of the change of each feature, [N, C, H, W].
        changed: bool, likewise.
        removed: share of the changed pixels that is left out; at least one is.

    Returns:
        bool [N, C, H, W], the same in all channels.
    """
    pixels = changed.any(1)
    value = worth.sum(1).masked_fill(~pixels, torch.inf).flatten(1)
    rank = value.argsort(1).argsort(1)
    out = (pixels.flatten(1).sum(1, keepdim=True) * removed).long().clamp_min(1)
    return ((rank >= out).view_as(pixels) & pixels).unsqueeze(1).expand_as(worth)


def _search(
    box: WhiteBox,
    clean: Tensor,
    labels: Tensor,
    free: Tensor,
    start: Tensor,
    c: Tensor,
    steps: int,
    lr: float,
    trials: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest successful image in L2 on the free pixels, whether there is one, bool [N], and the last c [N]."""
    nearest, c = clean.clone(), c.clone()
    distance = torch.full_like(c, torch.inf)
    for trial in range(trials):
        rows = distance.isinf().nonzero().squeeze(1)
        if not len(rows):
            break
        if trial:
            c[rows] *= 10
        around = clean[rows]
        for _, current, logits in descend(
            box, around, labels[rows], hinge, c[rows], steps, lr, start=start[rows], free=free[rows]
        ):
            reach = length(current - around).flatten()
            closer = (lead(logits, labels[rows]) < 0) & (reach < distance[rows])
            nearest[rows[closer]], distance[rows[closer]] = current[closer], reach[closer]
    return nearest, distance.isfinite(), c


class CWL0Config(AttackConfig):
    """Carlini & Wagner's L0 attack: the fewest pixels whose change changes the prediction."""

    attack: Literal["cw_l0"]
    function = cw_l0
    eps: Share = Field(description="share of the features that may change")
    steps: PositiveInt = Field(default=100, description="gradient steps per search")
    trials: PositiveInt = Field(default=4, description="weights of the margin that a round tries")
    initial_const: PositiveFloat = Field(default=1.0, description="the first of these weights")
    lr: PositiveFloat = Field(default=0.02, description="learning rate")
    removed: PositiveFloat = Field(default=0.2, le=1, description="share of the pixels that a round leaves out")

    def _arguments(self, images: Tensor, eps: float, early_stop: bool) -> dict[str, Any]:
        return {"threat": Threat("l0", eps)}
