"""Verdicts as a table."""

from dataclasses import asdict

import pandas as pd

from friendfoe.report.tables import Table, estimate
from friendfoe.studies.claims import Finding, Judgement


def verdict_table(judgements: list[Judgement], notes: tuple[str, ...] = ()) -> Table:
    """A row per part of a claim; where there are several, a last one for the claim as a whole."""
    rows, headings, records = [], [], []
    for number, claim in enumerate(judgements, 1):
        for place, finding in enumerate(claim.findings):
            headings.append(f"{number}. {claim.text} ({claim.place})" if place == 0 else f"{number}. and")
            rows.append(_cells(finding))
            records.append({"claim": number, "text": claim.text, "place": claim.place, **_record(finding)})
        if len(claim.findings) > 1:
            headings.append(f"{number}. together")
            rows.append(("all of these", "", "", claim.verdict.value))
    cells = pd.DataFrame(
        rows, columns=["measured", "claimed", "ours", "verdict"], index=pd.Index(headings, name="claim")
    )
    if any(finding.replicates == 1 for claim in judgements for finding in claim.findings):
        notes = (*notes, "One replicate has no interval, so that nothing is decided: every verdict is inconclusive.")
    readings = dict.fromkeys(finding.reading for claim in judgements for finding in claim.findings if finding.reading)
    notes = (
        "Reproduced: the 95 % interval over replicates lies where the claim says; contradicted: it lies on the other "
        "side; inconclusive: neither. A claim of several parts is reproduced only if all are, contradicted if one is.",
        *(f"Our reading: {reading}." for reading in readings),
        *notes,
    )
    return Table("claims", "Claims and verdicts", cells, pd.DataFrame(records), notes)


def _cells(finding: Finding) -> tuple[str, str, str, str]:
    claimed = f"{'above' if finding.above else 'below'} {finding.threshold:g}"
    return finding.text, claimed, estimate(finding.mean, finding.low, finding.high), finding.verdict.value


def _record(finding: Finding) -> dict[str, object]:
    return {**asdict(finding), "text": None, "measured": finding.text, "verdict": finding.verdict.value}
