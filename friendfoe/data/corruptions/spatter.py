"""Spatter of mud, MNIST-C's form (Mu & Gilmer 2019) of the corruption that ImageNet-C has among its extra ones."""

import torch
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws
from friendfoe.data.corruptions.filters import gaussian
from friendfoe.data.corruptions.strength import MNIST, side

_MUD = (63 / 255, 42 / 255, 20 / 255)  # red, green, blue; grey images get the first

# MNIST-C takes those of ImageNet-C as they are, so 28 and 224 pixels have the same; smaller images have smaller drops.
# Mean and standard deviation of the noise, sigma that makes drops of it, what is a drop, sigma that smooths the drops
_CONSTANTS = (
    (0.65, 0.3, 4.0, 0.69, 0.6),
    (0.65, 0.3, 3.0, 0.68, 0.6),
    (0.65, 0.3, 2.0, 0.68, 0.5),
    (0.65, 0.3, 1.0, 0.65, 1.5),
    (0.67, 0.4, 1.0, 0.65, 1.5),
)
_OPAQUE = 0.8  # thinner mud is left out


def spatter(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Drops cover the image."""
    mean, scale, size, least, smoothing = _CONSTANTS[severity - 1]
    smaller = min(1.0, side(images) / MNIST)
    liquid = gaussian(mean + scale * draws.normal(1, *images.shape[-2:]), smaller * size)
    mud = gaussian((liquid > least).to(images), smaller * smoothing)
    mud = torch.where(mud < _OPAQUE, 0, mud)
    colour = images.new_tensor(_MUD[: images.shape[1]]).view(-1, 1, 1)
    return images * (1 - mud) + colour * mud
