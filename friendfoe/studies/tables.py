"""Tables of all studies: by class, before and after rounding to 8 bits, ours beside the published numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, TypeVar

import pandas as pd

from friendfoe.evaluation.sample import Sample
from friendfoe.report.tables import Table
from friendfoe.studies.estimates import accuracies, cell, over_replicates
from friendfoe.studies.evidence import frame

GREY = "Grey numbers in brackets are from memory, not verified; no verdict rests on them."

INTERVALS = "95 % intervals over replicates and images."

_PIXELS = {"float": "as crafted (float)", "uint8": "as saved (8 bits)", "difference": "difference"}

R = TypeVar("R")
C = TypeVar("C")
Key = tuple[str, ...]
Cells = Mapping[str, Sequence[str]] | Mapping[tuple[str, str], Sequence[str]]


def table(corner: str, rows: Iterable[str], cells: Cells, data: pd.DataFrame, *notes: str, caption: str = "") -> Table:
    """A table: `cells` holds the text of every column by its heading (of one or two levels), `data` the numbers.

    `rows` are the row headings, above which `corner` stands. Its place on the page gives it a name, and a caption where
    it has none of its own; notes of the page follow its own.
    """
    return Table("", caption, pd.DataFrame(cells, index=pd.Index(list(rows), name=corner), dtype=object), data, notes)


def class_table(
    estimates: pd.DataFrame, models: Mapping[str, str], conditions: Mapping[str, str], classes: list[str]
) -> Table:
    """A row per class; under each condition a column per model, both with their headings.

    `estimates` are `Evidence.estimates("accuracy", by_class=True)`.
    """
    cells = {
        (title, label): [cell(estimates, model, condition, one) for one in classes]
        for condition, title in conditions.items()
        for model, label in models.items()
    }
    numbers = estimates.loc[(list(models), list(conditions)), :].reset_index()
    return table("class", classes, cells, numbers, INTERVALS)


def rounding_table(evaluations: pd.DataFrame, models: Mapping[str, str], conditions: Mapping[str, str]) -> Table:
    """Accuracy (of `Results.evaluations`) before and after rounding, a row wherever a replicate differs.

    The CSV has all, so that those of two runs are of the same.
    """
    both = pd.DataFrame({pixels: accuracies(evaluations, pixels) for pixels in ("float", "uint8")}).dropna()
    both["difference"] = both["uint8"] - both["float"]
    differs = both["difference"].ne(0).groupby(level=["model", "condition"]).any()
    estimates = pd.concat({name: over_replicates(both[name]) for name in _PIXELS}, names=["pixels"])
    keys = [key for key in product(models, conditions) if key in differs.index and differs[key]]
    cells = {title: [cell(estimates, name, *key, digits=4) for key in keys] for name, title in _PIXELS.items()}
    headings = [f"{models[model]}: {conditions[condition]}" for model, condition in keys]
    rest = "Everywhere else the two agree in every replicate." if keys else "Rounding changes no accuracy anywhere."
    return table("model: input images", headings, cells, estimates.reset_index(), rest)


def grid(
    corner: str,
    rows: Mapping[str, R],
    columns: Mapping[str, C] | Mapping[tuple[str, str], C],
    quantity: Callable[[R, C], Sample],
) -> Table:
    """Mean and interval of `quantity(row, column)`; rows and columns by their headings, of one level or two.

    The CSV has the estimates by row, column and, where it has one, the column's upper heading.
    """
    keys = {title: (title,) if isinstance(title, str) else tuple(title) for title in columns}
    levels = ["group", "column"] if any(len(key) > 1 for key in keys.values()) else ["column"]
    found = {
        (row, *keys[title]): quantity(of_row, of_column).estimate()
        for title, of_column in columns.items()
        for row, of_row in rows.items()
    }
    estimates = frame(found, ["row", *levels])
    cells: Any = {title: [cell(estimates, row, *key) for row in rows] for title, key in keys.items()}
    return table(corner, rows, cells, estimates.reset_index())


class Comparison:
    """The cells of a table, filled column by column.

    Args:
        estimates: ours (`over_replicates`), indexed by the words of a key, such as model and condition.
        published: heading of a column -> rows of `published.published`, with these words as columns; the first row of a
            key counts.

    Attributes:
        cells: (title, "ours" or a heading) -> a cell per row.
        muted: (row, column) of published numbers that are not verified.
    """

    def __init__(self, estimates: pd.DataFrame, published: Mapping[str, pd.DataFrame]) -> None:
        self.estimates = estimates
        self.published = {heading: _by_key(rows, estimates) for heading, rows in published.items()}
        self.cells: dict[tuple[str, str], list[str]] = {}
        self.muted: set[tuple[int, int]] = set()

    def add(
        self, title: str, keys: Sequence[Key], *, digits: int = 3, published_digits: int = 4, scale: float = 1
    ) -> None:
        """A column of ours, and one of what is published where that is any, times `scale`; a key per row."""
        self.cells[title, "ours"] = [cell(self.estimates, *key, digits=digits, scale=scale) for key in keys]
        for heading, known in self.published.items():
            found = enumerate(known.index.get_indexer(pd.Index(keys)))
            rows = {place: known.iloc[row] for place, row in found if row >= 0}
            unverified = {place for place, row in rows.items() if not row["verified"]}
            numbers = {place: f"{scale * row['value']:.{published_digits}f}" for place, row in rows.items()}
            if numbers:
                self.muted |= {(place, len(self.cells)) for place in unverified}
                numbers |= {place: f"({numbers[place]})" for place in unverified}
                self.cells[title, heading] = [numbers.get(place, "–") for place in range(len(keys))]

    def table(self, corner: str, rows: Iterable[str], data: pd.DataFrame, *notes: str) -> Table:
        """The table. Arguments as of `tables.table`."""
        return replace(table(corner, rows, self.cells, data, *notes), muted=frozenset(self.muted))


def numbers(estimates: pd.DataFrame, keys: Sequence[Key] | pd.MultiIndex, published: pd.DataFrame) -> pd.DataFrame:
    """A row per key: ours (as of `Comparison`), the published number, whether it is verified, and where it stands."""
    ours = estimates.reindex(pd.MultiIndex.from_tuples(keys, names=estimates.index.names))
    columns = _by_key(published, estimates)[["value", "verified", "citation"]]
    return ours.join(columns.rename(columns={"value": "published"})).reset_index()


def _by_key(rows: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    names = list(estimates.index.names)
    return rows.drop_duplicates(names).set_index(names)
