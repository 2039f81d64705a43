"""Canny's edges (Canny 1986), as MNIST-C puts them in an image's place. Mu & Gilmer 2019.

Ours for five severities: a fifth to the whole of the image is replaced, 5 being the published corruption.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws
from friendfoe.data.corruptions.filters import gaussian, luminance

_SIGMA, _LOW, _HIGH = 1.0, 0.1, 0.2  # scikit-image's, which MNIST-C takes: smoothing in pixels, thresholds
_TAN = math.tan(math.pi / 8)  # up to here a direction is flat rather than diagonal


def canny_edges(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Fade from the image to its edges."""
    share = severity / 5
    return (1 - share) * images + share * canny(luminance(images)).to(images)


def canny(images: Tensor) -> Tensor:
    """Where the edges of grey images [N, 1, H, W] are, bool."""
    down, right = _sobel(gaussian(images, _SIGMA))
    strength = (down**2 + right**2).sqrt()
    thin = _is_ridge(strength, down, right) & (strength >= _LOW) & _inside(images)
    edges = thin & (strength >= _HIGH)
    while True:  # a weak edge counts where it continues a strong one
        grown = _grown(_grown(edges, 2), 3) & thin
        if torch.equal(grown, edges):
            return edges
        edges = grown


def _sobel(images: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient, downwards and to the right; a step from 0 to 1 has a strength of 1 in all."""
    down = images.new_tensor([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 4
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, down.view(1, 1, 3, 3)), F.conv2d(padded, down.T.view(1, 1, 3, 3).contiguous())


def _is_ridge(strength: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Where the gradient is at least as strong as on both sides along its direction, to the nearest 45 degrees."""
    height, width = strength.shape[-2:]
    padded = F.pad(strength, (1, 1, 1, 1))
    flat, steep = down.abs() <= _TAN * right.abs(), right.abs() <= _TAN * down.abs()
    rising = ~flat & ~steep & (down * right < 0)
    ways = {(0, 1): flat, (1, 0): steep & ~flat, (1, -1): rising, (1, 1): ~(flat | steep | rising)}
    ridge = torch.zeros_like(strength, dtype=torch.bool)
    for (dy, dx), way in ways.items():
        ahead = padded[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        behind = padded[..., 1 - dy : 1 - dy + height, 1 - dx : 1 - dx + width]
        ridge |= way & (strength >= ahead) & (strength >= behind)
    return ridge


def _grown(edges: Tensor, dim: int) -> Tensor:
    """By a pixel to both sides."""
    size = edges.shape[dim]
    grown = edges.clone()
    grown.narrow(dim, 1, size - 1).logical_or_(edges.narrow(dim, 0, size - 1))
    grown.narrow(dim, 0, size - 1).logical_or_(edges.narrow(dim, 1, size - 1))
    return grown


def _inside(images: Tensor) -> Tensor:
    """All pixels but those at the border, where there is no gradient to both sides."""
    height, width = images.shape[-2:]
    inside = torch.zeros(height, width, dtype=torch.bool, device=images.device)
    inside[1:-1, 1:-1] = True
    return inside
