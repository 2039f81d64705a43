"""Intervals: of a share (Wilson), and of the difference of two models on the same images."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # not scipy.stats, which takes half a second more

Interval = tuple[float, float]


def wilson(correct: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's score interval of a share (Wilson 1927), elementwise; (0, 1) where n = 0.

    Args:
        correct: number of successes.
        n: number of trials.
        level: of confidence.

    Returns:
        Lower and upper end, in [0, 1].
    """
    k, n = np.asarray(correct, dtype=np.float64), np.asarray(n, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        lower, upper = score_interval(k / n, n, special.ndtri(0.5 + level / 2))
    return np.clip(np.where(n > 0, lower, 0.0), 0, 1), np.clip(np.where(n > 0, upper, 1.0), 0, 1)


def score_interval(share: ArrayLike, n: ArrayLike, quantile: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's formula for a share of `n` trials, which need not be a whole number, and any quantile; elementwise."""
    share, n = np.asarray(share, dtype=np.float64), np.asarray(n, dtype=np.float64)
    square = quantile * quantile / n
    middle = (share + square / 2) / (1 + square)
    half = quantile / (1 + square) * np.sqrt(share * (1 - share) / n + square / (4 * n))
    return middle - half, middle + half


def paired_difference(won: int, lost: int, n: int, level: float = 0.95) -> tuple[float, Interval]:
    """How much more of the same `n` images one model has right than another, with its interval.

    `won` are those that it alone has right, `lost` those that the other alone has. The interval is Wald's with half an
    image added to each of the four cases (Agresti & Min 2005, section 2.3).
    """
    if not n:
        return float("nan"), (-1.0, 1.0)
    middle = (won - lost) / (n + 2)
    half = float(special.ndtri(0.5 + level / 2) * np.sqrt((won + lost + 1) - (won - lost) ** 2 / (n + 2)) / (n + 2))
    return (won - lost) / n, (max(-1.0, middle - half), min(1.0, middle + half))


def mcnemar(won: int, lost: int) -> float:
    """The exact two-sided p of McNemar's test: images that one of two models alone has right fall to each by a coin."""
    return min(1.0, 2 * float(special.bdtr(min(won, lost), won + lost, 0.5))) if won + lost else 1.0
