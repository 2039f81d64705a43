"""MNIST-C's drawings: a stripe, dotted lines and zigzags over an image, or its edges in its place. Mu & Gilmer 2019.

Each has a single strength there, for 28 pixels; lengths here are in parts of the side. Ours for five severities: the
stripe grows, severity 3 being the published one; as many lines are drawn as the severity says, 1 being published; and a
fifth to the whole of the image is replaced by its edges, 5 being published.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from friendfoe.data.corruptions.contract import MNIST, Draws
from friendfoe.data.corruptions.filters import gaussian, grid, luminance

_THICKNESS = 2.3  # vertical distance at which a line has faded, in 1/28 of the side
_DOT = 2.0  # length of a dot and of the gap behind it, likewise
_TOOTH = 2.0  # height of a zigzag, and a quarter of its period, likewise

_SIGMA, _LOW, _HIGH = 1.0, 0.1, 0.2  # scikit-image's, which MNIST-C takes: smoothing in pixels, thresholds
_TAN = math.tan(math.pi / 8)  # up to here a direction is flat rather than diagonal


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
    dotted = torch.floor(right / dot) % 2
    for _ in range(severity):
        ends = draws.uniform(2, 1, 1, low=0, high=MNIST - 1)
        height = ends[:, 0] + (ends[:, 1] - ends[:, 0]) * right / (MNIST - 1)
        images = _with_line(images, down - height, dotted)
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
        images = _with_line(images, aside - teeth, (along >= 0) & (along <= length))
    return images


def canny_edges(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Fade from the image to its edges."""
    share = severity / 5
    return (1 - share) * images + share * _canny(luminance(images)).to(images)


def _places(images: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column of every pixel, [H, 1] and [1, W], as if the image had 28 of each."""
    down, right = ((places + 0.5) * MNIST / places.numel() - 0.5 for places in grid(images))
    return down, right


def _with_line(images: Tensor, distance: Tensor, where: Tensor) -> Tensor:
    """Add white at a vertical distance from a line's middle: it fades by a logarithm, and is at least a pixel thick."""
    thickness = max(_THICKNESS, MNIST / images.shape[2])
    ink = (torch.log1p(-(distance.abs() / thickness).clamp_max(1 - 1e-6)) + 1).clamp_min(0)
    return (images + (ink * where).unsqueeze(1)).clamp_max(1)


def _canny(images: Tensor) -> Tensor:
    """Where the edges (Canny 1986) of grey images [N, 1, H, W] are, bool."""
    smooth = F.pad(gaussian(images, _SIGMA), (1, 1, 1, 1), mode="replicate")
    sobel = images.new_tensor([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 4  # a step from 0 to 1 has a strength of 1 in all
    down = F.conv2d(smooth, sobel.view(1, 1, 3, 3))
    right = F.conv2d(smooth, sobel.T.view(1, 1, 3, 3).contiguous())
    strength = (down**2 + right**2).sqrt()
    inside = torch.zeros_like(strength, dtype=torch.bool)
    inside[..., 1:-1, 1:-1] = True  # at the border there is no gradient to both sides
    thin = _is_ridge(strength, down, right) & (strength >= _LOW) & inside
    edges = thin & (strength >= _HIGH)
    while True:  # a weak edge counts where it continues a strong one
        grown = _grown(_grown(edges, 2), 3) & thin
        if torch.equal(grown, edges):
            return edges
        edges = grown


def _is_ridge(strength: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Where the gradient is at least as strong as on both sides along its direction, to the nearest 45 degrees.

    At the border it is compared with the other end of the image.
    """
    flat, steep = down.abs() <= _TAN * right.abs(), right.abs() <= _TAN * down.abs()
    rising = ~flat & ~steep & (down * right < 0)
    ways = {(0, 1): flat, (1, 0): steep & ~flat, (1, -1): rising, (1, 1): ~(flat | steep | rising)}
    ridge = torch.zeros_like(strength, dtype=torch.bool)
    for (dy, dx), way in ways.items():
        ahead, behind = strength.roll((-dy, -dx), (2, 3)), strength.roll((dy, dx), (2, 3))
        ridge |= way & (strength >= ahead) & (strength >= behind)
    return ridge


def _grown(edges: Tensor, dim: int) -> Tensor:
    """By a pixel to both sides."""
    inner = edges.shape[dim] - 1
    grown = edges.clone()
    grown.narrow(dim, 1, inner).logical_or_(edges.narrow(dim, 0, inner))
    grown.narrow(dim, 0, inner).logical_or_(edges.narrow(dim, 1, inner))
    return grown
