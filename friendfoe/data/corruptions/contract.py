"""What a corruption is: a function of images that is given its constants and random numbers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from itertools import count

import torch
from torch import Tensor

from friendfoe.runtime import draws

MNIST, SMALL, LARGE = 28, 32, 224  # sides of the images of MNIST-C, of CIFAR-10-C and of ImageNet-C, in pixels


@dataclass
class Draws:
    """Random numbers, the same for an image in every batch and on every device.

    Each call gives fresh numbers for each of N images, named by (seed, sample, number of the call).
    """

    seed: int  # of this corruption
    sample_ids: Tensor  # int64 [N]
    dtype: torch.dtype  # of the numbers
    _streams: "count[int]" = field(default_factory=count)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """[N, *shape] in [low, high)."""
        return (low + (high - low) * self._next(draws.uniform, shape)).to(self.dtype)

    def integers(self, *shape: int, low: int, high: int) -> Tensor:
        """Int64 [N, *shape] in low, ..., high - 1."""
        return (self._next(draws.uniform, shape) * (high - low)).long().add_(low)

    def normal(self, *shape: int) -> Tensor:
        """[N, *shape], standard normal."""
        return self._next(draws.normal, shape).to(self.dtype)

    def _next(self, numbers: Callable[..., Tensor], shape: tuple[int, ...]) -> Tensor:
        drawn = numbers(self.seed, self.sample_ids, math.prod(shape), stream=next(self._streams))
        return drawn.view(-1, *shape)


Corruption = Callable[[Tensor, int, Draws], Tensor]
"""(images [N, C, H, W] in [0, 1], severity 1 to 5, random numbers) -> images, not yet clipped to [0, 1]."""


def constants(**published: tuple[Sequence[float], Sequence[float]]) -> Callable[[Callable[..., Tensor]], Corruption]:
    """Make a corruption of a function of images, random numbers, and the constants of the severity, by name.

    Of each constant there are the published ones at 32 pixels and those at 224 pixels, for severities 1 to 5.
    """

    def decorate(function: Callable[..., Tensor]) -> Corruption:
        @wraps(function)
        def corruption(images: Tensor, severity: int, draws: Draws) -> Tensor:
            row = severity - 1
            values = {name: between(images, small[row], large[row]) for name, (small, large) in published.items()}
            return function(images, draws, **values)

        return corruption

    return decorate


def between(images: Tensor, small: float, large: float) -> float:
    """A constant for a size of image, from those published for 32 and for 224 pixels.

    In between it goes from one to the other as a power of the side (linearly in its logarithm, where one of them is not
    positive). Below and above, the nearer one holds: the lengths at 32 pixels are about one pixel and cannot shrink;
    ImageNet-C's authors use theirs at 299 pixels, too.
    """
    share = math.log(max(side(images), 1) / SMALL) / math.log(LARGE / SMALL)
    share = min(1.0, max(0.0, share))
    return small ** (1 - share) * large**share if small > 0 and large > 0 else small + share * (large - small)


def side(images: Tensor) -> int:
    """The shorter side of images [..., H, W], in pixels."""
    return min(images.shape[-2:])
