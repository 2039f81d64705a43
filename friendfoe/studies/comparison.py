"""A table of our means and intervals with the published numbers beside them."""

from collections.abc import Mapping

import pandas as pd

from friendfoe.report.tables import Table, estimate
from friendfoe.studies.published import heading


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
        estimates: `estimates.over_replicates`, indexed by model and condition.
        published: rows of `published.published` of one data set and metric, at most one per model and condition.
        data: the data set shown.
        rows: condition -> row heading.
        columns: model -> column heading.
        notes: below the table.
    """
    theirs = published.set_index(["model", "condition"])
    known = [model for model in columns if model in theirs.index]
    source = heading(published["data"].iloc[0], data) if known else ""
    cells: dict[tuple[str, str], list[str]] = {}
    muted = set()
    for model, title in columns.items():
        keys = [(model, condition) for condition in rows]
        cells[title, "ours"] = [estimate(*_of(estimates, key, ["mean", "low", "high"])) for key in keys]
        if model in known:
            cells[title, source] = [_published(theirs, key) for key in keys]
            position = len(cells) - 1
            muted |= {
                (row, position)
                for row, key in enumerate(keys)
                if key in theirs.index and not theirs.loc[key, "verified"]
            }
    frame = pd.DataFrame(cells, index=pd.Index(rows.values(), name="input images"))
    if muted:
        notes = (*notes, "Grey numbers in brackets are recalled, not verified; nothing is judged by them.")
    return Table(name, caption, frame, _tidy(estimates, theirs, list(rows), list(columns)), notes, frozenset(muted))


def _of(frame: pd.DataFrame, key: tuple[str, str], fields: list[str]) -> list[float]:
    return [float(frame.loc[key, field]) if key in frame.index else float("nan") for field in fields]


def _published(theirs: pd.DataFrame, key: tuple[str, str]) -> str:
    if key not in theirs.index:
        return "–"
    text = f"{theirs.loc[key, 'value']:.4f}"
    return text if theirs.loc[key, "verified"] else f"({text})"


def _tidy(estimates: pd.DataFrame, theirs: pd.DataFrame, conditions: list[str], models: list[str]) -> pd.DataFrame:
    """A row per model and condition: ours, theirs, and where theirs stands."""
    keys = [(model, condition) for condition in conditions for model in models]
    index = pd.MultiIndex.from_tuples(keys, names=["model", "condition"])
    beside = theirs[["value", "verified", "citation"]].rename(columns={"value": "published"})
    return estimates.reindex(index).join(beside).reset_index()
