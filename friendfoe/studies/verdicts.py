"""Verdicts as a table, and as what a page shows of them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table, estimate
from friendfoe.runtime.durations import in_words
from friendfoe.studies.checks import MARK
from friendfoe.studies.claims import ERROR_RATE, REPLICATES, Finding, Judgement
from friendfoe.studies.decisive import rounded
from friendfoe.studies.evidence import joined

RULE = (
    "Reproduced: the interval lies where the claim says; contradicted: all of it lies beyond the threshold by the "
    "claim's margin; inconclusive: neither. Intervals shown are those of 95 %, over replicates and images; verdicts "
    f"are corrected for their number (Holm), so that the chance that any is wrong stays below {ERROR_RATE:.0%}. A "
    "claim of several parts is reproduced only if all are, and contradicted if one is."
)
SIZES = (
    "Sizes are compared with the published ones only where data and budget are the source's; elsewhere the direction "
    "alone is judged."
)
UNTESTABLE = (
    f"Cannot be tested here: fewer than {REPLICATES} replicates, nothing that was changed, every replicate on the same "
    "bound, a network that has learned nothing, or a rank correlation over fewer than four classes."
)
OPEN = (
    "What is inconclusive: how many replicates, or images, in all would decide it, if mean and variance stay as they "
    "are; of a single class the images are those of the class."
)


def verdict_table(judgements: Sequence[Judgement], source: str = "published") -> Table:
    """A row per part of a claim; where there are several, a last one for the claim as a whole.

    `source` is the heading of the published numbers.
    """
    rows: list[tuple[str, ...]] = []
    headings: list[str] = []
    for number, judgement in enumerate(judgements, 1):
        claim, findings = judgement.claim, judgement.findings
        headings += [f"{number}. {claim.text} ({claim.place})", *[f"{number}."] * (len(findings) - 1)]
        rows += [_cells(finding) for finding in findings]
        if len(findings) > 1:
            headings.append(f"{number}.")
            rows.append(("all of these", "", "", "", judgement.verdict.value))
    columns = ["measured", "claimed", "ours", source, "verdict"]
    cells = pd.DataFrame(rows, columns=columns, index=pd.Index(headings, name="claim"))
    return Table("claims", "Claims and verdicts", cells, _numbers(judgements), tuple(_notes(judgements)))


def verdict_cards(judgements: Sequence[Judgement], seconds: float = 0.0) -> list[dict[str, Any]]:
    """The same for the page: text, place and verdict of every claim, and the cells of its parts.

    Where a part is open, what would decide it; `seconds`: of one core, that a further replicate takes to be trained.
    """
    return [
        {
            "text": judgement.claim.text,
            "place": judgement.claim.place,
            "verdict": judgement.verdict.value,
            "parts": [_cells(finding) for finding in judgement.findings],
            **({"open": open_parts} if (open_parts := _open(judgement, seconds)) else {}),
        }
        for judgement in judgements
    ]


def _open(judgement: Judgement, seconds: float) -> list[str]:
    """What would decide each part that is open, as a sentence."""
    sentences = []
    for finding in judgement.findings:
        if (needed := finding.decisive) is None:
            continue
        more = (needed.replicates or 0) - finding.estimate.replicates
        them = "1 more replicate takes" if more == 1 else f"{rounded(more)} more replicates take"
        hours = f" ({them} {in_words(more * seconds)} of one core to train)"
        sentences.append(f"{finding.part.text}: {needed}{hours if more > 0 and seconds else ''}.")
    return sentences


def _notes(judgements: Sequence[Judgement]) -> list[str]:
    findings = [(number, one) for number, judgement in enumerate(judgements, 1) for one in judgement.findings]
    readings = dict.fromkeys(finding.part.reading for _, finding in findings)
    reasons = [f"Claim {number}, {one.part.text}: {one.reason}." for number, one in findings if one.reason]
    needed = [f"Claim {number}, {one.part.text}: {one.decisive}." for number, one in findings if one.decisive]
    sized = any(finding.part.size for _, finding in findings)
    return [
        RULE,
        *([SIZES] if sized else []),
        *([UNTESTABLE, *dict.fromkeys(reasons)] if reasons else []),
        *([OPEN, *needed] if needed else []),
        *(f"Our reading: {text}." for text in readings if text),
        *dict.fromkeys(note for _, finding in findings for note in finding.notes),
    ]


def _cells(finding: Finding) -> tuple[str, str, str, str, str]:
    ours = finding.estimate
    return (
        finding.part.text,
        finding.part.claimed,
        estimate(ours.mean, ours.low, ours.high) + f" {MARK}" * bool(finding.notes),
        "–" if pd.isna(finding.published) else f"{finding.published:.3f}",
        finding.verdict.value,
    )


def _numbers(judgements: Sequence[Judgement]) -> pd.DataFrame:
    records = [
        {
            "claim": number,
            "text": judgement.claim.text,
            "place": judgement.claim.place,
            "measured": finding.part.text,
            "expression": str(finding.part.expression),
            "above": finding.part.low,
            "below": finding.part.high,
            "margin": finding.part.margin,
            **{name: getattr(finding.estimate, name) for name in ("mean", "low", "high", "replicates", "images")},
            "values": joined(finding.estimate.values),
            "p": finding.p,
            "published": finding.published,
            "verdict": finding.verdict.value,
            "reason": finding.reason,
            "replicates_needed": finding.decisive.replicates if finding.decisive else None,
            "images_needed": finding.decisive.images if finding.decisive else None,
            "verdict_of_claim": judgement.verdict.value,
        }
        for number, judgement in enumerate(judgements, 1)
        for finding in judgement.findings
    ]
    counts = {"replicates_needed": "Int64", "images_needed": "Int64"}
    return pd.DataFrame(records).astype(counts if records else {})
