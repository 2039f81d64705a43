"""A table of our means and intervals with the published numbers beside them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.estimates import shown, wilson_note
from friendfoe.studies.published import heading

GREY = "Grey numbers in brackets are recalled, not verified; nothing is judged by them."


def comparison(
    name: str,
    caption: str,
    estimates: pd.DataFrame,
    published: pd.DataFrame,
    *,
    data: str,
    rows: Mapping[str, str],
    columns: Mapping[str, str],
    notes: tuple[str, ...] = (),
) -> Table:
    """Conditions down, models across; under a model with published numbers two columns, ours and published.

    Args:
        name: of the table's files.
        caption: what it shows.
        estimates: `accuracy_estimates(evaluations)`.
        published: rows of `published.published` of one data set and metric, at most one per model and condition.
        data: the data set shown.
        rows: condition -> row heading.
        columns: model -> column heading.
        notes: below the table.
    """
    theirs = {(row.model, row.condition): row for row in published.itertuples()}
    cells: dict[tuple[str, str], list[str]] = {}
    muted = set()
    for model, title in columns.items():
        cells[title, "ours"] = [shown(estimates, model, condition) for condition in rows]
        beside = [theirs.get((model, condition)) for condition in rows]
        if any(beside):
            source = heading(str(published["data"].iloc[0]), data)
            cells[title, source] = [_number(row) for row in beside]
            muted |= {(row, len(cells) - 1) for row, found in enumerate(beside) if found and not found.verified}
    frame = pd.DataFrame(cells, index=pd.Index(rows.values(), name="input images"))
    numbers = _tidy(estimates, published, list(rows), list(columns))
    notes = (wilson_note(numbers), *([GREY] if muted else []), *notes)
    return Table(name, caption, frame, numbers, notes, frozenset(muted))


def _number(row: Any) -> str:
    if row is None:
        return "–"
    return f"{row.value:.4f}" if row.verified else f"({row.value:.4f})"


def _tidy(estimates: pd.DataFrame, published: pd.DataFrame, conditions: list[str], models: list[str]) -> pd.DataFrame:
    """A row per model and condition: ours, theirs, and where theirs stands."""
    keys = [(model, condition) for condition in conditions for model in models]
    index = pd.MultiIndex.from_tuples(keys, names=["model", "condition"])
    theirs = published.set_index(["model", "condition"])[["value", "verified", "citation"]]
    return estimates.reindex(index).join(theirs.rename(columns={"value": "published"})).reset_index()
