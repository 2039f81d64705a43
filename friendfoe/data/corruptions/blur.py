"""Blur by a lens out of focus, by motion and by zooming. Hendrycks & Dietterich 2019, section 4."""

import math

import torch
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws
from friendfoe.data.corruptions.filters import convolve, gaussian, motion, zoomed
from friendfoe.data.corruptions.strength import constants


def defocus_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Average over a disk; the constants are its radius and the smoothing of its edge, both in pixels."""
    radius, smoothing = constants(
        images,
        severity,
        small=[(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
        large=[(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)],
    )
    return convolve(images, _disk(radius, smoothing))


def motion_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Smear each image along a line that is at most 45 degrees from the horizontal; radius and sigma, in pixels."""
    radius, sigma = constants(
        images,
        severity,
        small=[(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
        large=[(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
    )
    return motion(images, round(radius), sigma, draws.uniform(low=-math.pi / 4, high=math.pi / 4))


def zoom_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Average over enlargements of the middle, from 1 to the first constant in steps of the second."""
    most, step = constants(
        images,
        severity,
        small=[(1.06, 0.01), (1.11, 0.01), (1.15, 0.01), (1.20, 0.01), (1.25, 0.01)],  # as NumPy's arange ends
        large=[(1.11, 0.01), (1.15, 0.01), (1.20, 0.02), (1.24, 0.02), (1.30, 0.03)],
    )
    factors = [1 + step * number for number in range(1, round((most - 1) / step) + 1)]
    total = 2 * images  # once as they are, once as the first enlargement
    for factor in factors:
        total += zoomed(images, factor)
    return total / (len(factors) + 2)


def _disk(radius: float, smoothing: float) -> Tensor:
    """The kernel, float32 [k, k]: which pixels lie within the radius, smoothed over 3 (large disks: 5) pixels."""
    soft = 1 if radius <= 8 else 2  # pixels that the smoothing reaches
    places = torch.arange(-math.floor(radius) - soft, math.floor(radius) + soft + 1)
    disk = (places.view(-1, 1) ** 2 + places**2 <= radius**2).double()
    return gaussian((disk / disk.sum()).view(1, 1, *disk.shape), smoothing, truncate=soft / smoothing)[0, 0].float()
