"""The constants of a corruption for a size of image, from those published for 32 and for 224 pixels."""

import math
from collections.abc import Sequence

from torch import Tensor

MNIST, SMALL, LARGE = 28, 32, 224  # sides of the images of MNIST-C, of CIFAR-10-C and of ImageNet-C, in pixels

Constants = Sequence[Sequence[float]]
"""A row per severity."""


def side(images: Tensor) -> int:
    """The shorter side of images [..., H, W], in pixels."""
    return min(images.shape[-2:])


def constants(images: Tensor, severity: int, *, small: Constants, large: Constants) -> list[float]:
    """The row of a severity.

    At 32 and at 224 pixels it is the published one. In between each constant goes from one to the other as a power of
    the side (linearly in its logarithm, where one of them is not positive). Below and above, the nearer row holds: the
    lengths at 32 pixels are about one pixel and cannot shrink; ImageNet-C's authors use theirs at 299 pixels, too.
    """
    share = math.log(max(side(images), 1) / SMALL) / math.log(LARGE / SMALL)
    if share <= 0:
        return list(small[severity - 1])
    if share >= 1:
        return list(large[severity - 1])
    return [
        a ** (1 - share) * b**share if a > 0 and b > 0 else a + share * (b - a)
        for a, b in zip(small[severity - 1], large[severity - 1], strict=True)
    ]


def constant(images: Tensor, severity: int, *, small: Sequence[float], large: Sequence[float]) -> float:
    """Likewise, of a corruption with one constant: a number per severity."""
    return constants(images, severity, small=[(a,) for a in small], large=[(b,) for b in large])[0]
