"""Logistic regression, and the closed form of its loss under the worst perturbation."""

from math import prod
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.models.config import NetworkConfig, Shape
from friendfoe.runtime.errors import UserError


class LogisticConfig(NetworkConfig):
    """Logistic regression on two classes; pixels as they are."""

    kind: Literal["logistic"]
    label = "logistic regression"
    raw_pixels: ClassVar[bool] = True

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """One weight per pixel; a UserError unless there are two classes."""
        if classes != 2:
            problem = f"tells two classes apart, and there are {classes}"
            raise UserError(f"network 'logistic' {problem}; take mlp, hidden: []")
        return Logistic(prod(shape))


class Logistic(nn.Module):
    """Two classes and one weight vector: logits (0, w'x + b), so that p(1 | x) = sigmoid(w'x + b)."""

    any_memory_format = True

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(pixels, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, 2] of images [N, C, H, W]."""
        log_odds = self.linear(images.flatten(1))
        return torch.cat([torch.zeros_like(log_odds), log_odds], 1)


def worst_case_loss(weights: Tensor, bias: Tensor, images: Tensor, labels: Tensor, eps: float) -> Tensor:
    """The highest loss of logistic regression in the linf ball of radius eps, in closed form, per image [N].

    With y in {-1, +1} the loss softplus(-y (w'x + b)) is highest at x - eps y sign(w), where it is

        softplus(eps |w|_1 - y (w'x + b))

    (Goodfellow et al. 2015, section 5; the form printed there has a slip of sign for y = -1). Pixels may leave [0, 1].
    Weights are [D], the bias is a scalar, images are [N, D], labels int64 [N] of 0 (y = -1) and 1 (y = +1).
    """
    sign = 2 * labels.to(images.dtype) - 1
    return F.softplus(eps * weights.abs().sum() - sign * (images @ weights + bias))
