"""Claims as data, and the verdict on them: reproduced, contradicted or inconclusive."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

import pandas as pd

from friendfoe.evaluation.intervals import mean_interval

E = TypeVar("E")  # the evidence: whatever the study hands to its measures


class Verdict(str, Enum):
    """What our replicates say of a claim."""

    REPRODUCED = "reproduced"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Part(Generic[E]):
    """One inequality of a claim.

    Attributes:
        text: what is measured.
        measure: from the evidence to an estimate per replicate.
        above: whether the claim is that it lies above the threshold, or below.
        threshold: in the unit of the estimate.
        reading: what words such as "large" mean to us, where the source gives no threshold.
    """

    text: str
    measure: Callable[[E], pd.Series]
    above: bool
    threshold: float
    reading: str = ""


def above(text: str, measure: Callable[[E], pd.Series], threshold: float = 0, reading: str = "") -> Part[E]:
    """Claimed to lie above a threshold."""
    return Part(text, measure, above=True, threshold=threshold, reading=reading)


def below(text: str, measure: Callable[[E], pd.Series], threshold: float = 0, reading: str = "") -> Part[E]:
    """Claimed to lie below a threshold."""
    return Part(text, measure, above=False, threshold=threshold, reading=reading)


@dataclass(frozen=True)
class Claim(Generic[E]):
    """Something that the source says: all its parts must hold.

    Attributes:
        text: the claim in the source's terms.
        place: where it stands in the source.
        parts: its inequalities.
    """

    text: str
    place: str
    parts: tuple[Part[E], ...]


@dataclass(frozen=True)
class Finding:
    """A part of a claim as our replicates have it: mean, 95 % t interval, verdict; beside it what the source has."""

    text: str
    above: bool
    threshold: float
    reading: str
    mean: float
    low: float
    high: float
    replicates: int
    published: float
    verdict: Verdict


@dataclass(frozen=True)
class Judgement:
    """A claim, its findings and the verdict on it as a whole."""

    text: str
    place: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Reproduced only if all parts are; contradicted if any is."""
        verdicts = {finding.verdict for finding in self.findings}
        if Verdict.CONTRADICTED in verdicts:
            return Verdict.CONTRADICTED
        return Verdict.REPRODUCED if verdicts == {Verdict.REPRODUCED} else Verdict.INCONCLUSIVE


def judge(claims: Iterable[Claim[E]], evidence: E, published: E | None = None) -> list[Judgement]:
    """The verdict on every claim.

    Args:
        claims: what is claimed.
        evidence: ours; the verdict comes from it alone.
        published: the source's, for comparison; a measure that meets a KeyError in it has no published value.
    """
    return [Judgement(c.text, c.place, tuple(_find(part, evidence, published) for part in c.parts)) for c in claims]


def _find(part: Part[E], evidence: E, published: E | None) -> Finding:
    """Compare the 95 % t interval over replicates with the threshold; a single replicate decides nothing.

    An interval that touches the threshold from the wrong side contradicts: the claim is above or below, not equal.
    """
    estimates = part.measure(evidence)
    mean, (low, high) = mean_interval(estimates.to_numpy())
    holds, fails = (low > part.threshold, high <= part.threshold)
    if not part.above:
        holds, fails = (high < part.threshold, low >= part.threshold)
    return Finding(
        text=part.text,
        above=part.above,
        threshold=part.threshold,
        reading=part.reading,
        mean=mean,
        low=low,
        high=high,
        replicates=len(estimates),
        published=_published(part, published),
        verdict=Verdict.REPRODUCED if holds else Verdict.CONTRADICTED if fails else Verdict.INCONCLUSIVE,
    )


def _published(part: Part[E], published: E | None) -> float:
    if published is None:
        return float("nan")
    try:
        return float(part.measure(published).iloc[0])
    except KeyError:
        return float("nan")
