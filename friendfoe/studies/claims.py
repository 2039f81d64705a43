"""Claims as data, and the verdict on them.

A claim is a list of inequalities between an expression over the study's evidence and a number. The verdict on each
comes from its interval (`friendfoe.evaluation.sample`), which knows of replicates and of images; Holm's correction
(1979) over all inequalities of a study on a data set keeps the chance of a single wrong verdict below 5 %.

Direction and size are two things. What a source calls large is judged by its direction; its size is compared with the
number that the source has published, and only where data and budget are the source's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from friendfoe.evaluation.sample import Estimate, Sample
from friendfoe.studies.decisive import Decisive, decisive
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.expressions import Expression

ERROR_RATE = 0.05  # of all verdicts of a study on a data set together
REPLICATES = 3  # fewer decide nothing
UNTRAINED = "it needs networks that are trained, and here they are given"
MARGIN = 0.01  # of a share: a point


class Verdict(str, Enum):
    """What our evidence says of a claim."""

    REPRODUCED = "reproduced"
    SMALLER = "direction reproduced, smaller than published"
    LARGER = "direction reproduced, larger than published"
    INCONCLUSIVE = "inconclusive"
    CONTRADICTED = "contradicted"
    UNTESTABLE = "cannot be tested here"

    @property
    def holds(self) -> bool:
        """Whether what is claimed is there, whatever its size."""
        return self in (Verdict.REPRODUCED, Verdict.SMALLER, Verdict.LARGER)


@dataclass(frozen=True)
class Part:
    """One inequality of a claim: low < expression < high."""

    text: str  # what is measured
    expression: Expression
    low: float = -np.inf  # in the unit of the expression
    high: float = np.inf
    margin: float = MARGIN  # how far beyond these the whole interval must lie to contradict
    size: bool = False  # whether its size is compared with the published one
    reading: str = ""  # what words mean to us, where the source gives no number

    @property
    def claimed(self) -> str:
        """The inequality in words."""
        if np.isfinite(self.low) and np.isfinite(self.high):
            same = self.low == -self.high
            return f"within ±{self.high:g}" if same else f"between {self.low:g} and {self.high:g}"
        return f"above {self.low:g}" if np.isfinite(self.low) else f"below {self.high:g}"


def above(
    text: str, expression: Expression, threshold: float = 0, *, margin: float = MARGIN, size: bool = False,
    reading: str = "",
) -> Part:  # fmt: skip
    """Claimed to lie above a threshold. The other arguments are those of `Part`."""
    return Part(text, expression, low=threshold, margin=margin, size=size, reading=reading)


def below(
    text: str, expression: Expression, threshold: float = 0, *, margin: float = MARGIN, size: bool = False,
    reading: str = "",
) -> Part:  # fmt: skip
    """Claimed to lie below a threshold."""
    return Part(text, expression, high=threshold, margin=margin, size=size, reading=reading)


def within(text: str, expression: Expression, bound: float, *, margin: float = MARGIN, reading: str = "") -> Part:
    """Claimed to be hardly different from 0: within a bound that is fixed, however many images there are."""
    return Part(text, expression, low=-bound, high=bound, margin=margin, reading=reading)


@dataclass(frozen=True)
class Claim:
    """Something that the source says: all its parts must hold."""

    text: str  # in the source's terms
    place: str  # in the source
    parts: tuple[Part, ...]


def claim(text: str, place: str, *parts: Part) -> Claim:
    """A claim of these parts."""
    return Claim(text, place, parts)


@dataclass(frozen=True)
class Finding:
    """A part of a claim as our evidence has it, and what the source has."""

    part: Part
    estimate: Estimate
    p: float  # corrected: the error rate at which all parts together would still give this verdict
    published: float
    verdict: Verdict
    reason: str = ""  # why it cannot be tested here
    notes: tuple[str, ...] = ()  # what has to be known of our number; where there is any, it is marked
    decisive: Decisive | None = None  # what would decide it, where it is open


@dataclass(frozen=True)
class Judgement:
    """A claim, a finding on each of its parts, and the verdict on it as a whole."""

    claim: Claim
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Contradicted if any part is; reproduced only if all are that can be tested, and in full only if each is."""
        verdicts = [finding.verdict for finding in self.findings]
        tested = [one for one in verdicts if one is not Verdict.UNTESTABLE]
        if Verdict.CONTRADICTED in verdicts:
            return Verdict.CONTRADICTED
        if not tested:
            return Verdict.UNTESTABLE
        if len(tested) < len(verdicts) or not all(one.holds for one in tested):
            return Verdict.INCONCLUSIVE
        partial = {one for one in tested if one is not Verdict.REPRODUCED}
        return partial.pop() if len(partial) == 1 else Verdict.REPRODUCED if not partial else Verdict.SMALLER


def judge(
    claims: Iterable[Claim], evidence: Evidence, published: Evidence | None = None, *, comparable: bool = False
) -> list[Judgement]:
    """The verdict on every claim.

    Args:
        claims: what is claimed.
        evidence: ours; the verdict comes from it.
        published: the source's numbers, of one replicate; what they lack has no published value.
        comparable: whether data and budget are the source's, so that sizes may be compared.
    """
    claims = list(claims)
    parts = [part for one in claims for part in one.parts]
    samples = [_measured(part.expression, evidence) for part in parts]
    raw = [_p(part, sample) for part, sample in zip(parts, samples, strict=True)]
    testable = [number for number, sample in enumerate(samples) if not untestable(parts[number], sample)]
    corrected = dict(zip(testable, holm([raw[number][1] for number in testable]), strict=True))
    findings = []
    for number, (part, sample) in enumerate(zip(parts, samples, strict=True)):
        known = _published(part, published)
        p = corrected.get(number, 1.0)
        verdict, reason = raw[number][0], untestable(part, sample)
        if reason:
            verdict = Verdict.UNTESTABLE
        elif p > ERROR_RATE:
            verdict = Verdict.INCONCLUSIVE
        elif verdict is Verdict.REPRODUCED and part.size and comparable and not np.isnan(known):
            verdict = _size(part, sample.estimate(), known)
        found = Finding(part, sample.estimate(), p, known, verdict, reason)
        if verdict is Verdict.INCONCLUSIVE and np.isfinite(sample.values).all():
            rest = sum(one >= p for one in corrected.values())  # Holm's factor, once those before it are decided
            rate = ERROR_RATE / max(rest, 1)
            found = replace(found, decisive=decisive(sample, part.low, part.high, part.margin, rate))
        findings.append(found)
    remaining = iter(findings)
    return [Judgement(one, tuple(next(remaining) for _ in one.parts)) for one in claims]


def _measured(expression: Expression, evidence: Evidence) -> Sample:
    """What is measured; nothing where models are given and it would have to be trained."""
    try:
        return expression(evidence)
    except KeyError:
        if not evidence.partial:
            raise
        return replace(Sample.of_replicates([]), void=UNTRAINED)


def untestable(part: Part, sample: Sample) -> str:
    """Why a sample decides nothing; empty where it can.

    A quantity on its own bound is evidence for a claim on whose side the bound lies: all of 500 images are more than
    half of them. It is none against a claim, and a difference of two that lie on the same bound is none at all.
    """
    n = len(sample.values)
    if sample.void:
        return sample.void
    if n < REPLICATES:
        return f"{n} replicate{'s' * (n != 1)}; a verdict needs {REPLICATES}"
    if not np.isfinite(sample.values).all():
        return "it has no value in some replicate"
    if sample.unchanged:
        return "nothing was changed: both are the same image by image"
    if sample.pinned and not (sample.mean in sample.bounds and part.low < sample.mean < part.high):
        return f"every replicate lies on the same bound, {sample.mean:g}"
    return ""


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979) for as many tests as there are p values."""
    order, largest = np.argsort(p, kind="stable"), 0.0
    corrected = [1.0] * len(p)
    for rank, number in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[number]))
        corrected[number] = largest
    return corrected


def _p(part: Part, sample: Sample) -> tuple[Verdict, float]:
    """The verdict that the sample is nearer to, and the smallest error rate at which its interval gives it."""
    if len(sample.values) < 2 or not np.isfinite(sample.values).all():
        return Verdict.INCONCLUSIVE, 1.0
    inside = [sample.p_above(part.low)] * bool(np.isfinite(part.low))
    inside += [sample.p_below(part.high)] * bool(np.isfinite(part.high))
    beyond = [sample.p_below(part.low - part.margin)] * bool(np.isfinite(part.low))
    beyond += [sample.p_above(part.high + part.margin)] * bool(np.isfinite(part.high))
    holds, fails = max(inside), min(beyond)
    return (Verdict.CONTRADICTED, fails) if fails < holds else (Verdict.REPRODUCED, holds)


def _size(part: Part, estimate: Estimate, published: float) -> Verdict:
    """Smaller or larger than published, away from what the claim excludes; the margin counts as no difference."""
    low, high = estimate.low - published, estimate.high - published
    if -part.margin <= high and low <= part.margin:
        return Verdict.REPRODUCED
    further = low > part.margin if np.isfinite(part.low) else high < -part.margin
    return Verdict.LARGER if further else Verdict.SMALLER


def _published(part: Part, published: Evidence | None) -> float:
    if published is None:
        return float("nan")
    try:
        return part.expression(published).mean
    except KeyError:
        return float("nan")
