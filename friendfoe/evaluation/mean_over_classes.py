"""Accuracy of classes that are unequal: their unweighted mean, and what the weakest of them have, with intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from friendfoe.evaluation.intervals import Interval, wilson

TENTH = 10


def mean_of_shares(correct: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[float, Interval]:
    """The unweighted mean of K independent shares, such as the accuracies of classes, with its interval.

    It is Wilson's of as many trials as would give one share the variance of this mean. The variance of each share is
    that of (k + 1) / (n + 2), so that a class of two images that are both right is not taken to be known exactly.

    Args:
        correct: number of successes [K].
        n: number of trials [K]; shares without any do not count.
        level: of confidence.

    Returns:
        The mean, and its interval; nan and (0, 1) without trials.
    """
    k, n = np.asarray(correct, dtype=np.float64), np.asarray(n, dtype=np.float64)
    k, n = k[n > 0], n[n > 0]
    if not len(n):
        return float("nan"), (0.0, 1.0)
    mean, smooth = float((k / n).mean()), (k + 1) / (n + 2)
    variance = float((smooth * (1 - smooth) / n).sum()) / len(n) ** 2
    trials = float(smooth.mean() * (1 - smooth.mean())) / variance
    low, high = wilson(mean * trials, trials, level)
    return mean, (float(low), float(high))


@dataclass(frozen=True)
class WeakestTenth:
    """The mean accuracy of the weakest tenth of the classes; the truth is expected between its two estimates.

    Attributes:
        classes: how many they are.
        chosen: on the images that they are chosen by; the lowest of many seem lower than they are.
        elsewhere: chosen by half of each class's images, on the other half, either way; classes that are only almost
            the weakest are among them.
        interval: of `elsewhere`.
    """

    classes: int
    chosen: float
    elsewhere: float
    interval: Interval


def weakest_tenth(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> WeakestTenth | None:
    """The weakest tenth of the classes, those whose interval ends lowest; None with fewer than ten classes.

    The halves of a class are its first and its last images: neighbours, such as frames of one film, stay together.
    Classes of a single image do not count.

    Args:
        right: whether each image is answered correctly, bool [N].
        labels: int64 [N].
    """
    rows = [own for own in (np.flatnonzero(labels == label) for label in np.unique(labels)) if len(own) > 1]
    if len(rows) < TENTH:
        return None
    count = round(len(rows) / TENTH)
    halves = [
        np.array([(right[part].sum(), len(part)) for part in parts])  # [K, 2]: right, images
        for parts in ([own[: len(own) // 2] for own in rows], [own[len(own) // 2 :] for own in rows])
    ]
    first, last = halves
    whole = first + last
    elsewhere = np.concatenate([last[_lowest(first, count)], first[_lowest(last, count)]])
    chosen = whole[_lowest(whole, count)]
    mean, interval = mean_of_shares(elsewhere[:, 0], elsewhere[:, 1])
    return WeakestTenth(count, float((chosen[:, 0] / chosen[:, 1]).mean()), mean, interval)


def _lowest(counts: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """The places of the shares [K, 2] whose interval ends lowest."""
    return np.argsort(wilson(counts[:, 0], counts[:, 1])[1], kind="stable")[:number]
