"""How far two numbers are apart, with an interval for the difference, and how probable so much is by chance."""

from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray
from scipy import special  # not scipy.stats, which takes half a second more

from friendfoe.comparison.numbers import NAN, WRITTEN, Number
from friendfoe.evaluation.sample import LEVEL, PSEUDO


@dataclass(frozen=True)
class Difference:
    """By how much the second is larger.

    Attributes:
        mean: of it.
        low, high: of its 95 % interval.
        p: how probable at least so much is where nothing but chance is between them; nan where nothing says it.
    """

    mean: float
    low: float = NAN
    high: float = NAN
    p: float = NAN


def difference(before: Number, after: Number, *, paired: bool = True) -> Difference:
    """The difference of two numbers, and its t interval.

    Replicates of the same seed are compared as pairs, and also as two groups (Welch 1947); the more certain answer
    counts, and its p twice. Pairs are few, so that their spread is hardly known: five leave four degrees of freedom,
    with which a difference has to be twenty times its standard error to stand out of a thousand others. Groups ignore
    what seeds have in common, have more degrees of freedom, and are never too sure for it. The images are the same in
    both and leave nothing open; yet shares of them move in steps of an image, so that replicates which all moved by the
    same step say less than they seem to.

    Numbers of earlier reports, without the values of the replicates, are compared by their intervals; shares of images
    in a single replicate by the images.

    Args:
        before: of the one run.
        after: of the other.
        paired: whether replicates of the same number have the same seed.
    """
    mean = after.mean - before.mean
    missing = [one.mean != one.mean for one in (before, after)]
    if any(missing):
        return Difference(NAN, p=float(all(missing)))
    if abs(mean) <= WRITTEN * max(abs(before.mean), abs(after.mean)):
        return Difference(mean, mean, mean, 1.0)
    a, b = (np.asarray(one.values, dtype=np.float64) for one in (before, after))
    if min(len(a), len(b)) >= 2 and np.isfinite(a).all() and np.isfinite(b).all():
        step = _step(before, after, np.concatenate([a, b]))
        found = [_of_groups(a, b, step)]
        if paired and len(a) == len(b):
            found.append(_of_pairs(b - a, step))
        best = min(found, key=lambda one: one.p)
        return Difference(mean, best.low, best.high, min(1.0, len(found) * best.p))
    halves = [(one.high - one.low) / 2 for one in (before, after)]  # of their intervals
    z = float(special.ndtri(0.5 + LEVEL / 2))
    if np.isfinite(halves).all():
        return _by_t(mean, hypot(*halves) / z, np.inf)
    images = min(before.images, after.images)
    if images and min(before.mean, after.mean) >= 0 and max(before.mean, after.mean) <= 1:
        share = (before.mean + after.mean) / 2
        return _by_t(mean, float(np.sqrt(2 * share * (1 - share) / images + 2 * PSEUDO / images**2)), np.inf)
    return Difference(mean)


def _of_pairs(differences: NDArray[np.float64], step: float) -> Difference:
    n = len(differences)
    error = float(np.sqrt(differences.var(ddof=1) / n + step))
    return _by_t(float(differences.mean()), error, n - 1)


def _of_groups(a: NDArray[np.float64], b: NDArray[np.float64], step: float) -> Difference:
    parts = [float(one.var(ddof=1)) / len(one) for one in (a, b)]
    total, most = sum(parts), len(a) + len(b) - 2
    spread = sum(part**2 / (len(one) - 1) for part, one in zip(parts, (a, b), strict=True))
    return _by_t(float(b.mean() - a.mean()), float(np.sqrt(total + step)), total**2 / spread if spread else most)


def _by_t(mean: float, error: float, freedom: float) -> Difference:
    """By the t distribution of so many degrees of freedom, which is the normal one where they are without end."""
    if error == 0:
        return Difference(mean, mean, mean, 0.0 if mean else 1.0)
    tail = 0.5 + LEVEL / 2
    if np.isinf(freedom):
        half, p = float(special.ndtri(tail)) * error, 2 * float(special.ndtr(-abs(mean) / error))
    else:
        half = float(special.stdtrit(freedom, tail)) * error
        p = 2 * float(special.stdtr(freedom, -abs(mean) / error))
    return Difference(mean, mean - half, mean + half, p)


def _step(before: Number, after: Number, values: NDArray[np.float64]) -> float:
    """The variance that stays where all replicates differ by the same number of images (or of classes, in an order).

    Of shares, their differences and means, and correlations: of what lies between -1 and 1.
    """
    images = min(before.images, after.images)
    return 2 * PSEUDO / images**2 if images and np.abs(values).max() <= 1 else 0.0
