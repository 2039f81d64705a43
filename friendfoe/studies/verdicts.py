"""Verdicts as a table, and as what a page shows of them."""

from typing import Any

import pandas as pd

from friendfoe.report.tables import Table, estimate
from friendfoe.studies.claims import Finding, Judgement

RULE = (
    "Reproduced: the 95 % interval over replicates lies where the claim says; contradicted: it lies on the other side; "
    "inconclusive: neither. A claim of several parts is reproduced only if all are, and contradicted if one is."
)


def verdict_table(judgements: list[Judgement], notes: tuple[str, ...] = (), *, source: str = "published") -> Table:
    """A row per part of a claim; where there are several, a last one for the claim as a whole.

    The notes follow those on how verdicts come about; `source` is the heading of the published numbers.
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
    every = [finding for judgement in judgements for finding in judgement.findings]
    readings = [f"Our reading: {text}." for text in dict.fromkeys(finding.part.reading for finding in every) if text]
    single = ["One replicate has no interval: nothing is decided."] if any(f.replicates == 1 for f in every) else []
    return Table("claims", "Claims and verdicts", cells, _numbers(judgements), (RULE, *readings, *single, *notes))


def verdict_cards(judgements: list[Judgement]) -> list[dict[str, Any]]:
    """The same for the page: text, place and verdict of every claim, and the cells of its parts."""
    return [
        {
            "text": judgement.claim.text,
            "place": judgement.claim.place,
            "verdict": judgement.verdict.value,
            "parts": [_cells(finding) for finding in judgement.findings],
        }
        for judgement in judgements
    ]


def _cells(finding: Finding) -> tuple[str, str, str, str, str]:
    return (
        finding.part.text,
        f"{_side(finding)} {finding.part.threshold:g}",
        estimate(finding.mean, finding.low, finding.high),
        "–" if pd.isna(finding.published) else f"{finding.published:.3f}",
        finding.verdict.value,
    )


def _side(finding: Finding) -> str:
    return "above" if finding.part.above else "below"


def _numbers(judgements: list[Judgement]) -> pd.DataFrame:
    records = [
        {
            "claim": number,
            "text": judgement.claim.text,
            "place": judgement.claim.place,
            "measured": finding.part.text,
            "claimed": _side(finding),
            "threshold": finding.part.threshold,
            **{name: getattr(finding, name) for name in ("mean", "low", "high", "replicates", "published")},
            "verdict": finding.verdict.value,
            "verdict_of_claim": judgement.verdict.value,
        }
        for number, judgement in enumerate(judgements, 1)
        for finding in judgement.findings
    ]
    return pd.DataFrame(records)
