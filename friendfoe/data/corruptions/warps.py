"""Pixels that move: the elastic transform of ImageNet-C, and MNIST-C's shear, scale, rotate and translate."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from friendfoe.data.corruptions.contract import MNIST, Draws, constants, side
from friendfoe.data.corruptions.filters import gaussian, grid

Part = float | Tensor
"""Of a matrix: the same for all images, or [N, 1, 1]."""

Outside = Literal["zeros", "symmetric", "mirror"]
"""What lies beyond the border: black, or the image mirrored, with its outermost pixels twice (symmetric) or once."""


@constants(
    size=([0, 0.05, 0.08, 0.1, 0.1], [0.0625, 0.08125, 0.10625, 0.125, 0.15]),
    sigma=([0, 0.2, 0.06, 0.04, 0.03], [0.01, 0.01, 0.01, 0.01, 0.01]),
    affine=([0.08, 0.07, 0.06, 0.05, 0.03], [0, 0, 0, 0, 0]),
)
def elastic_transform(images: Tensor, draws: Draws, size: float, sigma: float, affine: float) -> Tensor:
    """Move three points around the middle, and the image with them by an affine map; then bend it.

    Hendrycks & Dietterich 2019, section 4. To bend it, uniform noise, smoothed, says where each pixel comes from
    (Simard, Steinkraus & Platt 2003). The constants, in parts of the side: size of the noise, sigma of the smoothing,
    and how far the points move at most. The published ones are not ordered: of CIFAR-10-C, the first severity has the
    largest affine map and moves pixels most. Of ImageNet-C, these are the revised ones of the package imagecorruptions
    (Michaelis et al. 2019), without affine maps.
    """
    height, width = images.shape[-2:]
    noise = draws.uniform(2, height, width, low=-size, high=size)
    bend = side(images) * gaussian(noise, sigma * side(images), truncate=3, border="symmetric")
    down, right = grid(images)
    if affine:
        reach = side(images) // 3
        corners = images.new_tensor([(reach, reach), (reach, -reach), (-reach, -reach)])  # x, y
        points = corners + images.new_tensor([width // 2, height // 2])
        moved = points + draws.uniform(3, 2, low=-affine * side(images), high=affine * side(images))
        ones = torch.ones_like(moved[..., :1])
        back = torch.linalg.solve(torch.cat([moved, ones], 2), points.expand_as(moved))  # (x, y, 1) @ [N, 3, 2]
        columns, rows = (
            plane[:, 0] * right + plane[:, 1] * down + plane[:, 2] for plane in back[..., None, None].unbind(2)
        )
        images = _sample(images, rows, columns, outside="mirror")
    return _sample(images, down + bend[:, 0], right + bend[:, 1], outside="symmetric")


def shear(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Slant by 0.2 to 1 radian to either side, about the middle. Mu & Gilmer 2019.

    As the scikit-image of that time did: rows keep their length, and are drawn apart by 1 / cos. Newer ones take the
    tangent of the angle.
    """
    angle = 0.2 * severity
    return _about_the_middle(images, 1, -math.sin(angle) * _sides(draws), 0, math.cos(angle))


def scale(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Shrink to 0.9, ..., 0.5 of the size, about the middle. Mu & Gilmer 2019."""
    factor = 1 / (1 - 0.1 * severity)
    return _about_the_middle(images, factor, 0, 0, factor)


def rotate(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Turn by 0.2 to 1 radian to either side, about the middle. Mu & Gilmer 2019."""
    angle, turn = 0.2 * severity, _sides(draws)
    return _about_the_middle(images, math.cos(angle), -math.sin(angle) * turn, math.sin(angle) * turn, math.cos(angle))


def translate(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Shift by 1 to 5 of 28 pixels in both directions, to either side. Mu & Gilmer 2019."""
    distance = severity * side(images) / MNIST
    down, right = grid(images)
    return _sample(images, down + distance * _sides(draws), right + distance * _sides(draws))


def _sides(draws: Draws) -> Tensor:
    """-1 or 1 for each image, [N, 1, 1]."""
    return (draws.integers(1, 1, low=0, high=2) * 2 - 1).to(draws.dtype)


def _about_the_middle(images: Tensor, xx: Part, xy: Part, yx: Part, yy: Part) -> Tensor:
    """The pixel at (x, y) comes from (xx x + xy y, yx x + yy y), seen from the middle; black comes from outside."""
    middle_y, middle_x = ((size - 1) / 2 for size in images.shape[-2:])
    down, right = grid(images)
    y, x = down - middle_y, right - middle_x
    return _sample(images, yx * x + yy * y + middle_y, xx * x + xy * y + middle_x)


def _sample(images: Tensor, rows: Tensor, columns: Tensor, outside: Outside = "zeros") -> Tensor:
    """Linear interpolation at rows and columns, [N or 1, H, W] each."""
    height, width = images.shape[-2:]
    if outside == "mirror":
        x, y = 2 * columns / max(1, width - 1) - 1, 2 * rows / max(1, height - 1) - 1  # the outermost pixels: -1 and 1
    else:
        x, y = (2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1  # the image's edges are at -1 and 1
    grid = torch.stack([x.expand(len(images), height, width), y.expand(len(images), height, width)], 3)
    padding = "zeros" if outside == "zeros" else "reflection"
    return F.grid_sample(images, grid, "bilinear", padding, align_corners=outside == "mirror")
