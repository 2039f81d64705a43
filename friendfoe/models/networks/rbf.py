"""The shallow radial-basis network: a template per class, and no other class is claimed far from all of them."""

from math import prod
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from friendfoe.models.config import NetworkConfig, Shape


class RBFConfig(NetworkConfig):
    """A shallow radial-basis network, a template and a probability per class; pixels as they are."""

    kind: Literal["rbf"]
    label = "RBF"
    raw_pixels: ClassVar[bool] = True
    independent: ClassVar[bool] = True

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """One template and one precision per class and pixel."""
        return RBF(prod(shape), classes)


class RBF(nn.Module):
    """p(k | x) = exp(-d_k(x)) for each class on its own, with d_k(x) = sum_j beta_kj (x_j - mu_kj)^2.

    After Goodfellow et al. (2015, section 7), with a diagonal beta. The probabilities of the classes need not add up to
    one: where x is far from every template, all of them are small. What `forward` gives is their log-odds,

        log(p / (1 - p)) = -log(exp(d) - 1),

    so that a sigmoid makes probabilities of them, and the binary loss of each class is that of the method `binary`.
    """

    any_memory_format = True

    def __init__(self, pixels: int, classes: int) -> None:
        super().__init__()
        self.templates = nn.Parameter(torch.rand(classes, pixels) * 0.5)
        # an image at a usual distance (0.1 per pixel, squared) from a template begins with d near 1
        self.log_precision = nn.Parameter(torch.full((classes, pixels), 10 / pixels).log())

    def forward(self, images: Tensor) -> Tensor:
        """Log-odds [N, K] of images [N, C, H, W]."""
        pixels, precision = images.flatten(1), self.log_precision.exp()
        # the square, multiplied out: [N, K, pixels] would not fit the cache
        distance = (
            pixels.square() @ precision.T
            - 2 * pixels @ (precision * self.templates).T
            + (precision * self.templates.square()).sum(1)
        )
        distance = distance.clamp_min(1e-4)  # the log-odds of a perfect match are finite
        return -distance - torch.log(-torch.expm1(-distance))
