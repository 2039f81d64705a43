"""A quantity as replicates and images determine it, and the interval that both leave open.

Networks differ by their seeds, and the few images that they are tested on stand for all there are. A `Sample` holds
both: a value per replicate, and how much each image has contributed to it (its influence, to first order). Arithmetic
carries both along, so that a difference is paired over replicates and over images by itself.

The variance of the mean is that of a two-way table of replicates and images (Cameron, Gelbach and Miller 2011): what
replicates differ by, plus what images differ by, less what is counted twice. Where the part of the replicates weighs,
few of them make the interval longer (their t quantile, the images' normal one). A share has Wilson's interval (1927)
with as many images as would have this variance if all were independent. Measured coverage: tests/evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special  # not scipy.stats, which takes half a second more

from friendfoe.evaluation.intervals import score_interval
from friendfoe.evaluation.outcomes import Outcomes

Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-np.inf, np.inf)
LEVEL = 0.95
SINGLE = "its network is given once: other training runs, of which a verdict needs three, are not known"
PSEUDO = 0.1  # of a right image and of a wrong one, added for the variance: none of 50 is not none of all


@dataclass(frozen=True)
class Estimate:
    """Mean over replicates, and the interval that replicates and images leave open."""

    mean: float
    low: float
    high: float
    replicates: int
    images: int  # how many a replicate's value rests on; 0: on none
    values: tuple[float, ...] = ()  # of the replicates

    def within(self, low: float, high: float) -> bool:
        """Whether the whole interval lies strictly between two numbers."""
        return low < self.low and self.high < high


@dataclass(frozen=True)
class Influence:
    """How much each image contributes to the value of each replicate."""

    samples: NDArray[np.int64]  # [N], ascending
    shares: NDArray[np.float64]  # [replicates, N]; the sum over images is 0 in every replicate

    def __add__(self, other: Influence) -> Influence:
        """Contributions of the same images are added up."""
        if np.array_equal(self.samples, other.samples):
            return Influence(self.samples, self.shares + other.shares)
        samples = np.union1d(self.samples, other.samples)
        shares = np.zeros((len(self.shares), len(samples)))
        for one in (self, other):
            shares[:, np.searchsorted(samples, one.samples)] += one.shares
        return Influence(samples, shares)

    def times(self, factor: float | NDArray[np.float64]) -> Influence:
        """Multiplied by a number, or by one for each replicate [replicates, 1]."""
        return Influence(self.samples, self.shares * factor)

    def first(self, replicates: int) -> Influence:
        """Of so many replicates."""
        return self if len(self.shares) == replicates else Influence(self.samples, self.shares[:replicates])


@dataclass(frozen=True)
class Sample:
    """A quantity: its value in every replicate, and how much each image contributes to that."""

    values: NDArray[np.float64]  # [replicates]
    influences: dict[str, Influence] = field(default_factory=dict)  # by the set of images
    bounds: Bounds = UNBOUNDED  # where its values lie for what they are
    floor: float = 0.0  # variance that stays where no image is seen to differ
    images: int = 0  # that a value rests on
    share: bool = False  # of images that are 1 or 0
    pinned: bool = False  # every replicate of all that it is made of lies on the same bound
    unchanged: bool = False  # a comparison of two that are the same, image by image
    single: bool = False  # all replicates are one network, so that images alone leave it open
    void: str = ""  # why it is evidence for nothing, such as a network that has not learned anything

    @classmethod
    def of(cls, outcomes: Outcomes, only: NDArray[np.bool_] | None = None) -> Sample:
        """The mean over images in every replicate, of all or `only` some of them (bool [N]); a share of 0s and 1s.

        Images that a replicate was not asked of do not count in it; a replicate without any has no value (nan).
        """
        samples, table = outcomes.samples, outcomes.values.astype(np.float64)
        if only is not None:
            samples, table = samples[only], table[:, only]
        asked = ~np.isnan(table)
        counts = asked.sum(axis=1, keepdims=True)
        filled = np.where(asked, table, 0.0)
        with np.errstate(invalid="ignore"):
            values = filled.sum(axis=1, keepdims=True) / counts
            shares = np.where(asked, (filled - values) / counts, 0.0)
        order = np.argsort(samples, kind="stable") if np.any(np.diff(samples) < 0) else slice(None)
        binary = bool(np.isin(filled, (0, 1)).all())
        images = round(counts.mean()) if counts.size else 0
        return cls(
            values[:, 0],
            {outcomes.images: Influence(samples[order], shares[:, order])},
            bounds=(0, 1) if binary else UNBOUNDED,
            floor=PSEUDO / images**2 if binary and images else 0.0,
            images=images,
            share=binary,
            pinned=binary and _on_bound(values, (0, 1)),
            single=outcomes.single,
            void=SINGLE if outcomes.single else "",
        )

    @classmethod
    def of_replicates(cls, values: ArrayLike, bounds: Bounds = UNBOUNDED) -> Sample:
        """A quantity that rests on no images, such as a norm of weights: values [replicates], between `bounds`."""
        numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
        return cls(numbers, bounds=bounds, pinned=_on_bound(numbers, bounds))

    def __add__(self, other: Sample | float) -> Sample:
        """The sum, replicate by replicate and image by image."""
        if not isinstance(other, Sample):
            low, high = self.bounds
            return replace(self, values=self.values + other, bounds=(low + other, high + other), share=False)
        (a, b), both = _paired(self, other), (self.bounds, other.bounds)
        return _combined(a, b, a.values + b.values, 1.0, 1.0, (both[0][0] + both[1][0], both[0][1] + both[1][1]))

    def __sub__(self, other: Sample | float) -> Sample:
        """The difference."""
        if not isinstance(other, Sample):
            return self + -other
        return replace(self + -other, unchanged=_same(self, other))

    def __rsub__(self, other: float) -> Sample:
        """A number less the sample; 1 less a share is a share."""
        return replace(-self + other, share=self.share and other == 1)

    def __neg__(self) -> Sample:
        """The negative."""
        return self * -1.0

    def __mul__(self, other: Sample | float) -> Sample:
        """The product."""
        if isinstance(other, Sample):
            a, b = _paired(self, other)
            return _combined(a, b, a.values * b.values, b.values, a.values, UNBOUNDED)
        low, high = sorted((self.bounds[0] * other, self.bounds[1] * other)) if other else (0.0, 0.0)
        return replace(
            self,
            values=self.values * other,
            influences={name: one.times(other) for name, one in self.influences.items()},
            bounds=(low, high),
            floor=self.floor * other**2,
            share=self.share and other == 1,
        )

    def __truediv__(self, other: Sample | float) -> Sample:
        """The quotient, replicate by replicate: how large the one is as a share of the other."""
        if not isinstance(other, Sample):
            return self * (1 / other)
        a, b = _paired(self, other)
        with np.errstate(divide="ignore", invalid="ignore"):
            quotient = a.values / b.values
            return replace(
                _combined(a, b, quotient, 1 / b.values, -quotient / b.values, UNBOUNDED), unchanged=_same(a, b)
            )

    __radd__ = __add__
    __rmul__ = __mul__

    def __rtruediv__(self, other: float) -> Sample:
        """A number divided by the sample."""
        return Sample.of_replicates(np.full(len(self.values), float(other))) / self

    def apply(self, function: Callable[[NDArray[np.float64]], NDArray[np.float64]], slope: ArrayLike) -> Sample:
        """A function of the values, such as a logarithm, with its `slope` at each value [replicates]."""
        factor = np.asarray(slope, dtype=np.float64)
        influences = {name: one.times(factor[:, None]) for name, one in self.influences.items()}
        floor = self.floor * float(np.mean(factor**2))
        applied = Sample(function(self.values), influences, floor=floor, images=self.images, pinned=self.pinned)
        return replace(applied, single=self.single, void=self.void)

    def first(self, replicates: int) -> Sample:
        """The first so many replicates."""
        influences = {name: one.first(replicates) for name, one in self.influences.items()}
        return replace(self, values=self.values[:replicates], influences=influences)

    @property
    def mean(self) -> float:
        """Over replicates."""
        return float(self.values.mean()) if len(self.values) else float("nan")

    @cached_property
    def variances(self) -> tuple[float, float]:
        """Of the mean: the part that replicates differ by beyond what single images make them, and that of images."""
        n = len(self.values)
        between = float(self.values.var(ddof=1)) / n if n > 1 else 0.0
        images = counted_twice = 0.0
        for one in self.influences.values():
            m = len(one.samples)
            if m < 2:
                continue
            common = one.shares.mean(axis=0)
            images += float(common @ common) * m / (m - 1)
            if n > 1:
                rest = one.shares - common
                counted_twice += float((rest * rest).sum()) * m / ((n - 1) * (m - 1) * n)
        return max(between - counted_twice, 0.0), images + self.floor

    def estimate(self, level: float = LEVEL) -> Estimate:
        """Mean and interval; unbounded where values are missing, or one replicate stands for other networks."""
        n, mean, values = len(self.values), self.mean, tuple(self.values.tolist())
        if n < (1 if self.single else 2) or not np.isfinite(self.values).all():
            return Estimate(mean, -np.inf, np.inf, n, self.images, values)
        by_replicates, by_images = self.variances
        total = by_replicates + by_images
        tail = 0.5 + level / 2
        t, z = special.stdtrit(max(n - 1, 1), tail), special.stdtrit(max(self.images - 1, 1), tail)
        if not self.influences:
            z = t
        quantile = np.sqrt((by_replicates * t**2 + by_images * z**2) / total) if total > 0 else z
        if self.share and self.images:
            low, high = map(float, score_interval(mean, self._independent_images(total), float(quantile)))
        else:
            half = float(quantile * np.sqrt(total))
            low, high = mean - half, mean + half
        return Estimate(mean, max(low, self.bounds[0]), min(high, self.bounds[1]), n, self.images, values)

    def p_above(self, threshold: float) -> float:
        """The smallest error rate at which the interval lies above a threshold; 1 where it never does."""
        return _smallest(lambda level: self.estimate(level).low > threshold)

    def p_below(self, threshold: float) -> float:
        """The same, below a threshold."""
        return _smallest(lambda level: self.estimate(level).high < threshold)

    def _independent_images(self, variance: float) -> float:
        """How many independent images would leave this variance."""
        share = (self.images * self.mean + PSEUDO) / (self.images + 2 * PSEUDO)
        return float(np.clip(share * (1 - share) / variance, 1e-9, len(self.values) * self.images))


def mean(samples: Sequence[Sample]) -> Sample:
    """The mean of several quantities, replicate by replicate."""
    total = reduce(lambda a, b: a + b, samples)
    return replace(total * (1 / len(samples)), unchanged=all(one.unchanged for one in samples))


def lowest(samples: Sequence[Sample]) -> Sample:
    """The lowest of several quantities in every replicate, such as the accuracy of the weakest class."""
    return _chosen(samples, np.argmin)


def highest(samples: Sequence[Sample]) -> Sample:
    """The highest of several quantities in every replicate."""
    return _chosen(samples, np.argmax)


def _chosen(samples: Sequence[Sample], choose: Callable[..., NDArray[np.intp]]) -> Sample:
    values = np.stack([one.values for one in samples])
    which = choose(values, axis=0)
    parts = [one * 1.0 for one in samples]
    masks = [(which == number).astype(np.float64) for number in range(len(parts))]
    influences: dict[str, Influence] = {}
    for part, mask in zip(parts, masks, strict=True):
        if mask.any():
            for name, one in part.influences.items():
                chosen = one.times(mask[:, None])
                influences[name] = influences[name] + chosen if name in influences else chosen
    taken = [part for part, mask in zip(parts, masks, strict=True) if mask.any()]
    result, bounds = values[which, np.arange(values.shape[1])], samples[0].bounds
    return Sample(
        result,
        influences,
        bounds=bounds,
        floor=float(np.mean([part.floor for part in taken])),
        images=round(np.mean([part.images for part in taken])),
        pinned=_on_bound(result, bounds),
        single=all(part.single for part in taken),
        void=next((part.void for part in taken if part.void), ""),
    )


def _paired(a: Sample, b: Sample) -> tuple[Sample, Sample]:
    """Both with the replicates that both have."""
    n = min(len(a.values), len(b.values))
    return a.first(n), b.first(n)


def _combined(
    a: Sample, b: Sample, values: NDArray[np.float64], by_a: ArrayLike, by_b: ArrayLike, bounds: Bounds
) -> Sample:
    """A function of two quantities, by its derivatives [replicates]."""
    influences: dict[str, Influence] = {}
    for sample, slope in ((a, np.asarray(by_a, dtype=np.float64)), (b, np.asarray(by_b, dtype=np.float64))):
        for name, one in sample.influences.items():
            part = one.times(slope[..., None])
            influences[name] = influences[name] + part if name in influences else part
    floor = a.floor * float(np.mean(np.square(by_a))) + b.floor * float(np.mean(np.square(by_b)))
    images = min((one.images for one in (a, b) if one.images), default=0)
    pinned, single = a.pinned and b.pinned, a.single and b.single
    return Sample(values, influences, bounds, floor, images, pinned=pinned, single=single, void=a.void or b.void)


def _same(a: Sample, b: Sample) -> bool:
    """Whether two quantities agree image by image, which those on a bound do for another reason."""
    if a.pinned or not (a.influences or b.influences) or a.influences.keys() != b.influences.keys():
        return False
    pairs = [(a.influences[name], b.influences[name]) for name in a.influences]
    return np.array_equal(a.values, b.values) and all(
        np.array_equal(x.samples, y.samples) and np.array_equal(x.shares, y.shares) for x, y in pairs
    )


def _on_bound(values: NDArray[np.float64], bounds: Bounds) -> bool:
    return bool(values.size) and any(bool((values == bound).all()) for bound in bounds if np.isfinite(bound))


def _smallest(decides: Callable[[float], bool]) -> float:
    """The smallest error rate (1 - level) at which an interval decides, by bisection on its logarithm."""
    low, high = -14.0, 0.0  # powers of ten
    if decides(1 - 10**low):
        return float(10**low)
    if not decides(1e-9):
        return 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if decides(1 - 10**middle) else (middle, high)
    return float(10**high)
