"""What Square proposes in l2: a window's change is reshaped, and another window's is given up for it.

Andriushchenko et al. (2020, section 3.4, algorithm 3). A change of a given length does most where it is concentrated,
so that in l2 windows hold a peak each, in place of the constant squares of linf.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from friendfoe.attacks.ball import Ball, unit
from friendfoe.runtime.draws import uniform

_TILES = 5  # along the shorter side of the first proposal


def tiles(ball: Ball, seed: int, sample_ids: Tensor) -> Tensor:
    """Images [N, C, H, W] of a grid of peaks, each with a random sign per channel, that together use up eps."""
    count, channels, height, width = ball.centre.shape
    side = max(1, min(height, width) // _TILES)
    down, across = height // side, width // side
    drawn = uniform(seed, sample_ids, (channels + 1) * down * across).view(count, channels + 1, down, across, 1, 1)
    peaks = signs(drawn[:, 1:]) * _turned(peak(side).to(ball.centre), drawn[:, :1])
    grid = peaks.transpose(3, 4).reshape(count, channels, down * side, across * side)
    above, before = (height - down * side) // 2, (width - across * side) // 2
    grid = F.pad(grid, (before, width - across * side - before, above, height - down * side - above))
    return ball.project(ball.centre + ball.eps * unit(grid))


def window(ball: Ball, images: Tensor, seed: int, sample_ids: Tensor, query: int, share: float) -> Tensor:
    """Images with a new window, which covers a share of the pixels.

    Its change becomes a mixture of what it was and of a peak, as long as its own, another window's, which becomes zero,
    and what eps still allows.
    """
    count, channels, height, width = images.shape
    side = window_side(share, height, width)
    drawn = uniform(seed, sample_ids, 5 + channels, stream=query)
    shape = (count, channels, side * side)
    taken = _places(drawn[:, 0], drawn[:, 1], height, width, side).expand(shape)
    given = _places(drawn[:, 2], drawn[:, 3], height, width, side).expand(shape)
    peaks = signs(drawn[:, 5:, None]) * _turned(peak(side).to(images), drawn[:, 4, None, None]).flatten(1).unsqueeze(1)

    change = (images - ball.centre).flatten(2)
    rest = change.scatter(2, given, 0.0).scatter(2, taken, 0.0)
    freed = (change - rest).square().sum(2, keepdim=True)  # in each channel
    unused = (ball.eps.flatten(1).square() - change.flatten(1).square().sum(1, keepdim=True)).clamp_min(0)
    here = peaks + F.normalize(change.gather(2, taken), dim=2)
    new = F.normalize(here, dim=2) * (freed + unused.unsqueeze(2) / channels).sqrt()
    return ball.project(ball.centre + ball.eps * unit(rest.scatter(2, taken, new).view_as(images)))


def window_side(share: float, height: int, width: int) -> int:
    """Side of a window that covers a share of the image: odd, and at least 3, where the image is large enough."""
    return min(max(3, round(math.sqrt(share * height * width))) // 2 * 2 + 1, height, width)


def peak(side: int) -> Tensor:
    """A peak in the upper half and its negative in the lower, [side, side], of length 1."""
    both = torch.cat([_pyramid(side // 2, side), -_pyramid(side - side // 2, side)])
    return F.normalize(both.flatten(), dim=0).view_as(both)


def _pyramid(height: int, width: int) -> Tensor:
    """Falls with the distance from the middle, as the sum of 1 / (k + 1)^2 over the squares of radius k around it."""
    rows, columns = (torch.arange(size).sub(size // 2).abs() for size in (height, width))
    radii = torch.arange(max(height, width) // 2 + 1)
    heights = (1 / (radii + 1.0) ** 2).flip(0).cumsum(0).flip(0)
    pyramid = heights[torch.maximum(rows.unsqueeze(1), columns)]
    return F.normalize(pyramid.flatten(), dim=0).view_as(pyramid)


def _places(down: Tensor, right: Tensor, height: int, width: int, side: int) -> Tensor:
    """The positions int64 [N, 1, side^2], in a flat image, of windows whose corners are drawn in [0, 1) x [0, 1)."""
    top, left = (down * (height - side + 1)).long(), (right * (width - side + 1)).long()
    steps = torch.arange(side, device=down.device)
    inside = steps.unsqueeze(1) * width + steps
    return (top * width + left).view(-1, 1, 1) + inside.flatten()


def signs(numbers: Tensor) -> Tensor:
    """A random sign, -1.0 or 1.0, for each number in [0, 1)."""
    return torch.where(numbers < 0.5, -1.0, 1.0)


def _turned(square: Tensor, numbers: Tensor) -> Tensor:
    return torch.where(numbers < 0.5, square, square.t())
