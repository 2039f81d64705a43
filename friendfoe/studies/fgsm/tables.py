"""The tables of the FGSM study: ours, in percent, with the published numbers beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from friendfoe.evaluation.intervals import mean_interval
from friendfoe.report.tables import Table, estimate
from friendfoe.studies.fgsm.evidence import Evidence
from friendfoe.studies.fgsm.names import MODELS, SOURCES
from friendfoe.studies.published import heading

PERCENT = "Errors, confidences and shares in percent; mean ± half the 95 % t interval over replicates."
PLAIN = ("loss", "closed-form", "held-uphill", "held-downhill")  # metrics that are no shares

Row = tuple[str, str]
"""Model, condition."""
Column = tuple[str | None, str, int]
"""Condition (None: the row's), metric, digits."""


def compare(
    name: str,
    caption: str,
    measures: Evidence,
    published: pd.DataFrame,
    *,
    data: str,
    rows: Mapping[str, Row],
    columns: Mapping[str, Column],
    corner: str = "model",
    notes: Sequence[str] = (),
) -> Table:
    """Ours and published side by side; a column of published numbers only where there are any.

    Args:
        name: of the table's files.
        caption: what it shows.
        measures: ours.
        published: rows of `evidence.theirs`.
        data: the data set shown.
        rows: heading -> model and condition.
        columns: heading -> what of it.
        corner: heading of the row headings.
        notes: below the table.
    """
    known: dict[tuple[str, str, str], Any] = {(r.model, r.condition, r.metric): r for r in published.itertuples()}  # type: ignore[misc]
    cells: dict[tuple[str, str], list[str]] = {}
    records: list[dict[str, object]] = []
    for title, (condition, metric, digits) in columns.items():
        keys = [(model, condition or own, metric) for model, own in rows.values()]
        found = [_ours(measures, key) for key in keys]
        beside = [known[key].value if key in known else float("nan") for key in keys]
        scale = 1 if metric in PLAIN else 100
        cells[title, "ours"] = [_cell(row, scale, digits) for row in found]
        if not all(map(pd.isna, beside)):
            cells[title, heading("MNIST", data)] = ["–" if pd.isna(x) else f"{scale * x:.{digits}f}" for x in beside]
        for key, row, number in zip(keys, found, beside, strict=True):
            if row is not None or not pd.isna(number):
                values = dict(zip(("mean", "low", "high", "replicates"), row or (float("nan"),) * 4, strict=True))
                citation = known[key].citation if key in known else ""
                of = dict(zip(("model", "condition", "metric"), key, strict=True))
                records.append({**of, **values, "published": number, "citation": citation})
    frame = pd.DataFrame(cells, index=pd.Index(rows, name=corner))
    return Table(name, caption, frame, pd.DataFrame(records), (PERCENT, *notes))


def matrix(measures: Evidence, models: Sequence[str], notes: Sequence[str]) -> Table:
    """Error of every model (columns) on the adversarial examples of every source (rows)."""
    sources, records = {name: MODELS[name] for name in (*SOURCES, "member") if name in (*models, "member")}, []
    cells: dict[str, list[str]] = {}
    for model in models:
        cells[MODELS.get(model, model)] = column = []
        for source in sources:
            row = _ours(measures, (model, f"on-{source}", "error"))
            column.append(_cell(row, 100, 1))
            if row is not None:
                values = dict(zip(("mean", "low", "high", "replicates"), row, strict=True))
                records.append({"source": source, "model": model, **values})
    frame = pd.DataFrame(cells, index=pd.Index(sources.values(), name="examples of"))
    caption = "Transfer: error of each model (columns) on the adversarial examples of another (rows)"
    return Table("matrix", caption, frame, pd.DataFrame(records), (PERCENT, *notes))


def _cell(row: tuple[float, float, float, float] | None, scale: float, digits: int) -> str:
    if row is None:
        return "–"
    mean, low, high, _ = row
    return estimate(scale * mean, scale * low, scale * high, digits)


def _ours(measures: Evidence, key: tuple[str, str, str]) -> tuple[float, float, float, float] | None:
    """Mean, interval and number of replicates; None where we have no such model."""
    try:
        values = measures(*key).dropna()
    except KeyError:
        return None
    if not len(values):
        return None
    mean, (low, high) = mean_interval(values.to_numpy())
    return mean, low, high, float(len(values))
