"""Claims as data, and the verdict on them: reproduced, contradicted or inconclusive."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

import pandas as pd

from friendfoe.evaluation.intervals import mean_interval

M = TypeVar("M")  # the measurements: whatever the study hands to its measures
Measure = Callable[[M], pd.Series]
"""From measurements to an estimate per replicate."""


class Verdict(str, Enum):
    """What our replicates say of a claim."""

    REPRODUCED = "reproduced"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Part(Generic[M]):
    """One inequality of a claim."""

    text: str  # what is measured
    measure: Measure[M]
    above: bool  # whether the claim is that it lies above the threshold, or below
    threshold: float  # in the unit of the estimate
    reading: str = ""  # what words such as "large" mean to us, where the source gives no threshold


def above(text: str, measure: Measure[M], threshold: float = 0, reading: str = "") -> Part[M]:
    """Claimed to lie above a threshold."""
    return Part(text, measure, above=True, threshold=threshold, reading=reading)


def below(text: str, measure: Measure[M], threshold: float = 0, reading: str = "") -> Part[M]:
    """Claimed to lie below a threshold."""
    return Part(text, measure, above=False, threshold=threshold, reading=reading)


@dataclass(frozen=True)
class Claim(Generic[M]):
    """Something that the source says: all its parts must hold."""

    text: str  # in the source's terms
    place: str  # in the source
    parts: tuple[Part[M], ...]


def claim(text: str, place: str, *parts: Part[M]) -> Claim[M]:
    """A claim of these parts."""
    return Claim(text, place, parts)


@dataclass(frozen=True)
class Finding:
    """A part of a claim as our replicates have it: mean, 95 % t interval, verdict; beside it what the source has."""

    part: Part[Any]
    mean: float
    low: float
    high: float
    replicates: int
    published: float
    verdict: Verdict


@dataclass(frozen=True)
class Judgement:
    """A claim, a finding on each of its parts, and the verdict on it as a whole."""

    claim: Claim[Any]
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Reproduced only if all parts are; contradicted if any is."""
        verdicts = {finding.verdict for finding in self.findings}
        if Verdict.CONTRADICTED in verdicts:
            return Verdict.CONTRADICTED
        return Verdict.REPRODUCED if verdicts == {Verdict.REPRODUCED} else Verdict.INCONCLUSIVE


def judge(claims: Iterable[Claim[M]], measurements: M, published: M | None = None) -> list[Judgement]:
    """The verdict on every claim.

    Args:
        claims: what is claimed.
        measurements: ours; the verdict comes from them alone.
        published: the source's, for comparison; a measure that meets a KeyError in them has no published value.
    """
    return [Judgement(one, tuple(_find(part, measurements, published) for part in one.parts)) for one in claims]


def _find(part: Part[M], measurements: M, published: M | None) -> Finding:
    """Compare the 95 % t interval over replicates with the threshold; a single replicate decides nothing.

    An interval that touches the threshold from the wrong side contradicts: the claim is above or below, not equal.
    """
    estimates = part.measure(measurements)
    mean, (low, high) = mean_interval(estimates.to_numpy())
    holds, fails = (low > part.threshold, high <= part.threshold)
    if not part.above:
        holds, fails = (high < part.threshold, low >= part.threshold)
    verdict = Verdict.REPRODUCED if holds else Verdict.CONTRADICTED if fails else Verdict.INCONCLUSIVE
    return Finding(part, mean, low, high, len(estimates), _published(part, published), verdict)


def _published(part: Part[M], published: M | None) -> float:
    if published is None:
        return float("nan")
    try:
        return float(part.measure(published).iloc[0])
    except KeyError:
        return float("nan")


Key = tuple[str, ...]


@dataclass(frozen=True)
class Measurements:
    """One value per replicate under every key."""

    values: pd.Series  # indexed by the words of a key (such as metric, model, condition) and the replicate, sorted

    def __call__(self, *key: str) -> pd.Series:
        """The values of the replicates; a KeyError where there are none."""
        values: pd.Series = self.values.loc[key]
        return values


def value(*key: str) -> Measure[Measurements]:
    """A measurement as it is."""
    return lambda measurements: measurements(*key)


def difference(first: Key, second: Key) -> Measure[Measurements]:
    """One measurement less another, replicate by replicate."""
    return lambda measurements: measurements(*first) - measurements(*second)


def ratio(first: Key, second: Key) -> Measure[Measurements]:
    """One measurement as a share of another, replicate by replicate."""
    return lambda measurements: measurements(*first) / measurements(*second)
