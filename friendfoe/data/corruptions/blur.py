"""Blur: a lens out of focus, frosted glass, motion and zooming. Hendrycks & Dietterich 2019, section 4."""

import math

import torch
from torch import Tensor

from friendfoe.data.corruptions.contract import Draws, constants
from friendfoe.data.corruptions.filters import convolve, enlarged, gaussian, middle, motion


@constants(
    radius=([0.3, 0.4, 0.5, 1, 1.5], [3, 4, 6, 8, 10]),
    smoothing=([0.4, 0.5, 0.6, 0.2, 0.1], [0.1, 0.5, 0.5, 0.5, 0.5]),
)
def defocus_blur(images: Tensor, draws: Draws, radius: float, smoothing: float) -> Tensor:
    """Average over a disk of a radius whose edge is smoothed, both in pixels."""
    soft = 1 if radius <= 8 else 2  # pixels that the smoothing reaches
    places = torch.arange(-math.floor(radius) - soft, math.floor(radius) + soft + 1)
    disk = (places.view(-1, 1) ** 2 + places**2 <= radius**2).double()
    kernel = gaussian((disk / disk.sum()).view(1, 1, *disk.shape), smoothing, truncate=soft / smoothing)
    return convolve(images, kernel[0, 0].float())


@constants(
    sigma=([0.05, 0.25, 0.4, 0.25, 0.4], [0.7, 0.9, 1, 1.1, 1.5]),
    distance=([1, 1, 1, 1, 1], [1, 2, 2, 3, 4]),
    rounds=([1, 1, 1, 2, 2], [2, 1, 3, 2, 2]),
)
def glass_blur(images: Tensor, draws: Draws, sigma: float, distance: float, rounds: float) -> Tensor:
    """Smooth, let pixels stand in for neighbours up to a distance, `rounds` times, and smooth; lengths in pixels."""
    height, width = images.shape[-2:]
    order = torch.arange(height * width, device=images.device).expand(len(images), -1).contiguous()
    for _ in range(round(rounds)):
        _shuffle(order, height, width, round(distance), draws)
    smooth = gaussian(images, sigma).flatten(2)
    return gaussian(smooth.gather(2, order.unsqueeze(1).expand_as(smooth)).view_as(images), sigma)


@constants(
    radius=([6, 6, 6, 8, 9], [10, 15, 15, 15, 20]),
    sigma=([1, 1.5, 2, 2, 2.5], [3, 5, 8, 12, 15]),
)
def motion_blur(images: Tensor, draws: Draws, radius: float, sigma: float) -> Tensor:
    """Smear each image along a line that is at most 45 degrees from the horizontal; radius and sigma, in pixels."""
    return motion(images, round(radius), sigma, draws.uniform(low=-math.pi / 4, high=math.pi / 4))


@constants(
    most=([1.06, 1.11, 1.15, 1.20, 1.25], [1.11, 1.15, 1.20, 1.24, 1.30]),  # as NumPy's arange ends
    step=([0.01, 0.01, 0.01, 0.01, 0.01], [0.01, 0.01, 0.02, 0.02, 0.03]),
)
def zoom_blur(images: Tensor, draws: Draws, most: float, step: float) -> Tensor:
    """Average over enlargements of the middle, from 1 to the most in steps."""
    factors = [1 + step * number for number in range(1, round((most - 1) / step) + 1)]
    total = 2 * images  # once as they are, once as the first enlargement
    height, width = images.shape[-2:]
    for factor in factors:
        part = middle(images, math.ceil(height / factor), math.ceil(width / factor))
        total += enlarged(part, factor, height, width)
    return total / (len(factors) + 2)


def _shuffle(order: Tensor, height: int, width: int, distance: int, draws: Draws) -> None:
    """Each pixel of `order` [N, H W] takes what stands up to `distance` away, the last pixel first.

    The authors' program means to exchange the two; as NumPy has it, the other one stays, and so it does here.

    Only pixels that are near each other must wait for one another. So one that is a row higher follows 2 `distance`
    steps later, and all pixels of a step, a slanted line, are done at once: the result is that of the published loop
    over all pixels.
    """
    near = 2 * distance
    rows, columns = height - near, width - near
    if rows <= 0 or columns <= 0:
        return
    moves = draws.integers(2, height * width, low=-distance, high=distance)
    partner = torch.arange(height * width, device=order.device) + moves[:, 0] * width + moves[:, 1]
    down, right = torch.arange(rows, device=order.device), torch.arange(columns, device=order.device)
    steps = (down.view(-1, 1) * near + right).flatten()
    places = ((height - distance - down).view(-1, 1) * width + (width - distance - right)).flatten()
    places = places[steps.argsort(stable=True)]
    for pixels in torch.split(places, steps.bincount().tolist()):
        order[:, pixels] = order.gather(1, partner[:, pixels])
