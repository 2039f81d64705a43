"""What is drawn over an image: MNIST-C's stripe, dotted line and zigzag. Mu & Gilmer 2019.

Each has a single strength there, for 28 pixels; lengths here are in parts of the side. Ours for five severities: the
stripe grows, severity 3 being the published one; and as many lines are drawn as the severity says, 1 being published.
"""

import torch
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws
from friendfoe.data.corruptions.strength import MNIST

_THICKNESS = 2.3  # vertical distance at which a line has faded, in 1/28 of the side
_DOT = 2.0  # length of a dot and of the gap behind it, likewise
_TOOTH = 2.0  # height of a zigzag, and a quarter of its period, likewise


def stripe(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Invert all but a vertical stripe in the middle: 1/12 to 5/12 of the width on the left and on the right."""
    width = images.shape[3]
    edge = severity / 12 * width
    covered = (edge - torch.arange(width, device=images.device)).clamp(0, 1).to(images)  # of each column's width
    share = covered + covered.flip(0)
    return (1 - share) * images + share * (1 - images)


def dotted_line(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """White dots along a line from the left to the right border, at random heights."""
    down, right = _places(images)
    dot = max(_DOT, MNIST / images.shape[3])  # at least a pixel
    dotted = (torch.floor(right / dot) % 2).to(images)
    for _ in range(severity):
        ends = draws.uniform(2, 1, 1, low=0, high=MNIST - 1)
        height = ends[:, 0] + (ends[:, 1] - ends[:, 0]) * right / (MNIST - 1)
        images = (images + (_ink(images, down - height) * dotted).unsqueeze(1)).clamp_max(1)
    return images


def zigzag(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """A white zigzag from left to right at a random height, the right end up to 5 pixels of 28 higher or lower."""
    down, right = _places(images)
    first, last = 2, 25
    for _ in range(severity):
        start = draws.uniform(1, 1, low=0, high=MNIST - 1)
        rise = draws.uniform(1, 1, low=-5, high=5)
        length = (rise**2 + (last - first) ** 2).sqrt()
        cos, sin = (last - first) / length, rise / length
        along = (right - first) * cos + (down - start) * sin
        aside = (down - start) * cos - (right - first) * sin
        # 0 at first, the height of a tooth after a quarter of the period, minus that after three
        teeth = _TOOTH * (((along / _TOOTH - 1).remainder(4) - 2).abs() - 1)
        inside = (along >= 0) & (along <= length)
        images = (images + (_ink(images, aside - teeth) * inside).unsqueeze(1)).clamp_max(1)
    return images


def _places(images: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of every pixel, [H, 1] and [1, W], as if the image had 28 of each."""
    down, right = ((torch.arange(n, device=images.device).to(images) + 0.5) * MNIST / n - 0.5 for n in images.shape[2:])
    return down.view(-1, 1), right.view(1, -1)


def _ink(images: Tensor, distance: Tensor) -> Tensor:
    """How white a line is at a vertical distance from its middle: fades by a logarithm; at least a pixel thick."""
    thickness = max(_THICKNESS, MNIST / images.shape[2])
    return (torch.log1p(-(distance.abs() / thickness).clamp_max(1 - 1e-6)) + 1).clamp_min(0)
