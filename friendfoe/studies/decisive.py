"""What would decide a verdict that is open: how many replicates, or how many images.

Mean and variance are taken to stay as they were seen. The variance (`friendfoe.evaluation.sample`) has three parts:
what replicates differ by, which shrinks with their number; what images differ by, likewise; and what an image does in
one replicate alone, which shrinks with both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from friendfoe.evaluation.rank_correlation import Correlation
from friendfoe.evaluation.sample import Sample

MOST_REPLICATES, MOST_IMAGES = 1000, 10_000_000
MARGIN = "it lies within the margin of the threshold, where no number of replicates or images decides"
NOTHING = "no number of replicates decides it, and there are no more images, or classes"


@dataclass(frozen=True)
class Decisive:
    """How many in all would decide: each, the other being as it is, or both together; None: none would."""

    replicates: int | None = None
    images: int | None = None
    together: bool = False  # neither alone, but both
    seen: int = 0  # images that the number rests on now
    reason: str = ""  # why nothing would

    def __str__(self) -> str:
        """In words."""
        ways = [f"{rounded(self.replicates)} replicates"] if self.replicates else []
        ways += [f"{rounded(self.images)} images in place of {rounded(self.seen)}"] if self.images else []
        return f"about {(' and ' if self.together else ' or ').join(ways)} would decide it" if ways else self.reason


def decisive(sample: Sample, low: float, high: float, margin: float, error_rate: float) -> Decisive:
    """What would put the interval of an error rate between `low` and `high`, or beyond one of them by the margin.

    The sample is of two replicates or more, all with values.
    """
    mean, n, m = sample.mean, len(sample.values), sample.images
    distance = min(mean - low, high - mean) if low < mean < high else max(low - margin - mean, mean - high - margin)
    if distance <= 0:
        return Decisive(reason=MARGIN)
    by_replicates, by_images = sample.variances
    single = min(float(sample.values.var(ddof=1)) / n - by_replicates, by_images)  # an image in one replicate
    tail = 1 - error_rate / 2

    def decides(replicates: int, images: int) -> bool:
        fewer, rarer = n / replicates, m / images if images else 1.0
        between, among = by_replicates * fewer, (by_images - single + single * fewer) * rarer
        t = special.stdtrit(replicates - 1, tail)
        z = special.stdtrit(max(images - 1, 1), tail) if m else t
        return bool(np.sqrt(between * t**2 + among * z**2) < distance)

    more_images = bool(m) and not isinstance(sample, Correlation)  # of classes there are no more
    replicates = _least(lambda count: decides(count, m), n, MOST_REPLICATES)
    images = _least(lambda count: decides(n, count), m, MOST_IMAGES) if more_images else None
    if replicates or images:
        return Decisive(replicates, images, seen=m)

    def many(replicates: int) -> int:
        return -(-m * replicates // n)  # as many times the images

    both = _least(lambda count: decides(count, many(count)), n, MOST_REPLICATES) if more_images else None
    return Decisive(both, many(both), together=True, seen=m) if both else Decisive(reason=NOTHING)


def _least(decides: Callable[[int], bool], start: int, most: int) -> int | None:
    """The smallest number above `start` that decides, by bisection; None: not even `most` does."""
    if not decides(most):
        return None
    low, high = start, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def rounded(count: int) -> str:
    """In words, to two digits: more are not known."""
    digits = max(len(str(count)) - 2, 0)
    return f"{round(count, -digits):,}".replace(",", " ")
