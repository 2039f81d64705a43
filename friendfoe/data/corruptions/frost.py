"""Frost on the lens. Hendrycks & Dietterich (2019, section 4) lay photographs of frost over the image.

Here the frost is generated, since photographs are not part of the project: needles of ice are bright points, smeared
in three directions. Brightness, tint and contrast are those that we measured on the authors' photographs.
"""

import math

import torch
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws
from friendfoe.data.corruptions.filters import motion
from friendfoe.data.corruptions.strength import constants, side

# of the five photographs that the published program draws from
_BRIGHTNESS = (0.44, 0.84)  # means: 0.48 to 0.81, 0.64 on average
_TINT = (-0.07, 0.01, 0.06)  # of red, green and blue
_CONTRAST = (0.21, 0.16)  # standard deviation at brightness 0, and what it loses until 1: darker frost is rougher
_NEEDLE = 1 / 16  # of the side


def frost(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """A share of the image and a share of the frost."""
    image_share, frost_share = constants(
        images,
        severity,
        small=[(1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)],
        large=[(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)],
    )
    _, channels, height, width = images.shape
    points = draws.normal(1, height, width)
    length = max(1, round(side(images) * _NEEDLE))
    angles = draws.uniform(3, high=2 * math.pi)
    needles = torch.stack([motion(points, length, length, angle) for angle in angles.unbind(1)]).amax(0)
    spread, mean = torch.std_mean(needles, (2, 3), correction=0, keepdim=True)
    needles = (needles - mean) / spread.clamp_min(1e-6)
    brightness = draws.uniform(1, 1, 1, low=_BRIGHTNESS[0], high=_BRIGHTNESS[1])
    tint = images.new_tensor(_TINT if channels == 3 else (0.0,)).view(-1, 1, 1)
    ice = brightness + tint + (_CONTRAST[0] - _CONTRAST[1] * brightness) * needles
    return image_share * images + frost_share * ice.clamp(0, 1)
