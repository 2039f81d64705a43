"""Claims as data, and the verdict on them: reproduced, contradicted or inconclusive."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

import numpy as np
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
        reading: how we came to the threshold, where it is our reading of words such as "large".
    """

    text: str
    measure: Callable[[E], pd.Series]
    above: bool
    threshold: float
    reading: str = ""


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
    """A part of a claim as our replicates have it: mean, 95 % t interval, verdict."""

    text: str
    above: bool
    threshold: float
    reading: str
    mean: float
    low: float
    high: float
    replicates: int
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


def judge(claims: Iterable[Claim[E]], evidence: E) -> list[Judgement]:
    """The verdict on every claim."""
    return [Judgement(c.text, c.place, tuple(_find(part, evidence) for part in c.parts)) for c in claims]


def _find(part: Part[E], evidence: E) -> Finding:
    """Compare the 95 % t interval over replicates with the threshold; one replicate has no interval and decides nothing.

    An interval that touches the threshold from the wrong side contradicts: the claim is "above" or "below", not "equal".
    """
    estimates = part.measure(evidence)
    mean, (low, high) = mean_interval(estimates.to_numpy())
    holds, fails = (low > part.threshold, high <= part.threshold)
    if not part.above:
        holds, fails = (high < part.threshold, low >= part.threshold)
    verdict = Verdict.REPRODUCED if holds else Verdict.CONTRADICTED if fails else Verdict.INCONCLUSIVE
    if np.isnan(mean):
        verdict = Verdict.INCONCLUSIVE
    return Finding(part.text, part.above, part.threshold, part.reading, mean, low, high, len(estimates), verdict)
