"""Do two measures order the classes alike? Spearman's correlation over classes, with an interval over classes.

That ten classes are ordered alike says little about classes in general, however many networks agree on it: the interval
must grow where there are few classes, and replicates of a network, which all see the same ones, do not make up for
them. So the classes take the place of the images in a `Sample`: the influence of each comes from leaving it out
(the jackknife of Quenouille 1956 and Tukey 1958), and the interval is taken on Fisher's z scale (Fisher 1921). Where
leaving out any class changes nothing, the variance is that of Bonett and Wright (2000). Measured coverage:
tests/evaluation/test_rank_correlation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from friendfoe.evaluation.sample import LEVEL, UNBOUNDED, Estimate, Influence, Sample

Array = NDArray[np.float64]
WHOLE = (-1.0, 1.0)
FEWEST = 4
"""Classes that an interval needs: of three, Fisher's z has no variance."""


@dataclass(frozen=True)
class Correlation(Sample):
    """A rank correlation: its value in every replicate, and the influence of every class on it.

    `images` are the classes here: n of the correlation.
    """

    def estimate(self, level: float = LEVEL) -> Estimate:
        """Mean and interval within [-1, 1]; fewer than four classes leave the whole of it."""
        plain = replace(self, bounds=UNBOUNDED)
        if self.bounds != WHOLE:  # what has become of it by arithmetic is no correlation
            return Sample.estimate(plain, level)
        n = self.images
        values = tuple(self.values.tolist())
        nothing = Estimate(self.mean, *WHOLE, len(values), n, values)
        if n < FEWEST or not np.isfinite(self.values).all():
            return nothing
        most = 1 - 6 / (n * (n * n - 1))  # half-way between perfect order and one exchange of neighbours
        middle = float(np.clip(self.mean, -most, most))
        if sum(self.variances) == 0:
            plain = replace(plain, floor=(1 - middle**2) ** 2 * (1 + middle**2 / 2) / (n - 3))
        around = Sample.estimate(plain, level)
        half = (around.high - around.low) / 2 / (1 - middle**2)
        low, high = np.tanh(np.arctanh(middle) + np.array([-half, half]))
        return Estimate(self.mean, float(low), float(high), len(values), n, values)


def rank_correlation(pairs: Sequence[tuple[ArrayLike, ArrayLike]], classes: str = "classes") -> Correlation:
    """Spearman's correlation over classes; of several pairs of measures the mean.

    A class without a value takes part in nothing; an order that does not exist (all classes alike) has no correlation,
    and is left out of a mean over pairs. Over fewer classes than `FEWEST` it is evidence for nothing.

    Args:
        pairs: two measures each, [replicates, K] both.
        classes: a name for this set of classes: correlations over the same are paired.
    """
    tables = [(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)) for first, second in pairs]
    known = np.logical_and.reduce([np.isfinite(table).all(axis=0) for pair in tables for table in pair])
    count = int(known.sum())
    values = np.stack([_correlations(first[:, known], second[:, known]) for first, second in tables])
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean = np.where(there, values, 0).sum(axis=0) / there.sum(axis=0)  # [replicates, K + 1]
    without = np.where(np.isnan(mean[:, 1:]), mean[:, :1], mean[:, 1:])
    shares = (count - 1) / max(count, 1) * (without.mean(axis=1, keepdims=True) - without) if count else without
    influence = Influence(np.flatnonzero(known), shares)
    few = f"{count} classes; a rank correlation over them needs {FEWEST}" if count < FEWEST else ""
    return Correlation(mean[:, 0], {classes: influence}, bounds=WHOLE, images=count, void=few)


def _correlations(first: Array, second: Array) -> Array:
    """Of all classes, then without each of them: [replicates, K + 1] from [replicates, K]; nan where all are alike."""
    a, b = _ranks(first), _ranks(second)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1)))


def _ranks(values: Array) -> Array:
    """Ranks less their mean, ties sharing theirs, [replicates, K + 1, K]: of all, then without each; 0: left out."""
    rows, columns = values[:, :, None], values[:, None, :]
    below = (rows < columns) + 0.5 * (rows == columns)  # [replicates, k, i]: whether class k lies below class i
    ranks = below.sum(axis=1, keepdims=True)
    every = np.concatenate([ranks, ranks - below], axis=1)
    k = values.shape[1]
    there = np.concatenate([np.ones((1, k)), 1 - np.eye(k)])
    mean = (every * there).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1)
    return np.asarray((every - mean[..., None]) * there)
