"""Glass blur: pixels stand in for neighbours, as through frosted glass. Hendrycks & Dietterich 2019, section 4."""

import torch
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws
from friendfoe.data.corruptions.filters import gaussian
from friendfoe.data.corruptions.strength import constants


def glass_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Smooth, shuffle pixels, smooth; the constants: sigma and greatest distance, in pixels, and how often."""
    sigma, distance, rounds = constants(
        images,
        severity,
        small=[(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
        large=[(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)],
    )
    height, width = images.shape[-2:]
    order = torch.arange(height * width, device=images.device).expand(len(images), -1).contiguous()
    for _ in range(round(rounds)):
        _shuffle(order, height, width, round(distance), draws)
    smooth = gaussian(images, sigma).flatten(2)
    return gaussian(smooth.gather(2, order.unsqueeze(1).expand_as(smooth)).view_as(images), sigma)


def _shuffle(order: Tensor, height: int, width: int, distance: int, draws: Draws) -> None:
    """Each pixel of `order` [N, H W] takes what stands up to `distance` away, the last pixel first.

    The authors' program means to exchange the two; as NumPy has it, the other one stays, and so it does here.

    Only pixels that are near each other must wait for one another. So one that is a row higher follows 2 `distance`
    steps later, and all pixels of a step, a slanted line, are done at once: the result is that of the published loop
    over all pixels.
    """
    rows, columns = max(0, height - 2 * distance), max(0, width - 2 * distance)
    if not rows or not columns:
        return
    near = 2 * distance
    moves = draws.integers(2, height * width, low=-distance, high=distance)
    partner = torch.arange(height * width, device=order.device) + moves[:, 0] * width + moves[:, 1]
    down, right = torch.arange(rows, device=order.device), torch.arange(columns, device=order.device)
    steps = (down.view(-1, 1) * near + right).flatten()
    places = ((height - distance - down).view(-1, 1) * width + (width - distance - right)).flatten()
    places = places[steps.argsort(stable=True)]
    for pixels in torch.split(places, steps.bincount().tolist()):
        order[:, pixels] = order.gather(1, partner[:, pixels])
