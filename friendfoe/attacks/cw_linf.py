"""The L-infinity attack of Carlini & Wagner (2017, section VI-C): the least change of every pixel."""

from typing import Any, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from friendfoe.attacks.config import AttackConfig, Share
from friendfoe.attacks.contract import Model, check_counts, check_labels, check_norm, check_positive, wide
from friendfoe.attacks.cw import descend
from friendfoe.attacks.cw_l0 import hinge, lead
from friendfoe.attacks.threat import Threat, number
from friendfoe.attacks.white_box import white_box

LEAST = 1 / 256  # below it no stored pixel changes


def cw_linf(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int = 100,
    trials: int = 4,
    initial_const: float = 1.0,
    lr: float = 0.02,
    shrink: float = 0.9,
) -> Tensor:
    """Minimise what the change of each pixel exceeds tau by, + c max(-margin, 0), for ever smaller tau; draws nothing.

    What is not said here is the contract of `friendfoe.attacks`.

    Args:
        threat: ``linf``; farther images than eps do not count.
        steps: gradients per search.
        trials: searches per tau at most, until one comes nearer: each with ten times the weight of the margin, c.
        initial_const: the first c; later searches go on with the last one.
        lr: learning rate of Adam.
        shrink: the next tau as a share of the last one, or of the largest change where that is less.

    Returns:
        The nearest successful image of each sample, where it lies within eps, else the clean image.
    """
    check_labels(images, labels)
    check_counts(steps=steps, trials=trials)
    check_positive(initial_const=initial_const, lr=lr, shrink=shrink)
    check_norm(threat, "linf")
    if number("shrink", shrink) >= 1:
        raise ValueError(f"shrink: must be below 1, got {shrink!r}")
    images = images.detach()
    if not len(images):
        return images.clone()
    clean = wide(images)
    nearest = clean.clone()
    c = torch.full_like(clean[:, 0, 0, 0], float(initial_const))
    tau = torch.ones_like(c)
    with white_box(model, images.dtype, labels=labels) as box:
        distance = torch.where(lead(box.logits(clean), labels) < 0, 0.0, torch.inf).to(c)
        rows = (distance > 0).nonzero().squeeze(1)
        while len(rows):
            before = distance.clone()
            for trial in range(trials):
                left = rows[distance[rows] == before[rows]]
                if not len(left):
                    break
                if trial:
                    c[left] *= 10
                around, limit = clean[left], tau[left].view(-1, 1, 1, 1)

                def pull(change: Tensor, limit: Tensor = limit) -> Tensor:
                    return change.sign() * (change.abs() > limit)

                search = descend(
                    box, around, labels[left], hinge, c[left], steps, float(lr), pull=pull, start=nearest[left]
                )
                for _, current, logits in search:
                    reach = (current - around).flatten(1).abs().amax(1)
                    closer = (lead(logits, labels[left]) < 0) & (reach < distance[left])
                    nearest[left[closer]], distance[left[closer]] = current[closer], reach[closer]
            rows = rows[distance[rows] < before[rows]]
            tau[rows] = shrink * torch.minimum(tau[rows], distance[rows])
            rows = rows[tau[rows] > LEAST]
    return torch.where((distance <= threat.eps).view(-1, 1, 1, 1), nearest, clean).to(images.dtype)


class CWLinfConfig(AttackConfig):
    """Carlini & Wagner's L-infinity attack: the least change of every pixel that changes the prediction."""

    attack: Literal["cw_linf"]
    function = cw_linf
    eps: Share | None = Field(default=None, description="largest change that counts; where null, the data set's")
    steps: PositiveInt = Field(default=100, description="gradient steps per search")
    trials: PositiveInt = Field(default=4, description="weights of the margin that every tau tries")
    initial_const: PositiveFloat = Field(default=1.0, description="the first of these weights")
    lr: PositiveFloat = Field(default=0.02, description="learning rate")
    shrink: PositiveFloat = Field(default=0.9, lt=1, description="the next tau, as a share")

    def _arguments(self, images: Tensor, eps: float, early_stop: bool) -> dict[str, Any]:
        return {"threat": Threat("linf", eps)}
