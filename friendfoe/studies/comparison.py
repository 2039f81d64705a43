"""Our means and intervals with the published numbers beside them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.estimates import cell
from friendfoe.studies.measurements import Key
from friendfoe.studies.tables import sheet

GREY = "Grey numbers in brackets are recalled, not verified; nothing is judged by them."


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
            rows = {place: known.loc[[key]].iloc[0] for place, key in enumerate(keys) if key in known.index}
            unverified = {place for place, row in rows.items() if not row["verified"]}
            numbers = {place: f"{scale * row['value']:.{published_digits}f}" for place, row in rows.items()}
            if numbers:
                self.muted |= {(place, len(self.cells)) for place in unverified}
                numbers |= {place: f"({numbers[place]})" for place in unverified}
                self.cells[title, heading] = [numbers.get(place, "–") for place in range(len(keys))]

    def sheet(
        self, name: str, caption: str, corner: str, rows: Iterable[str], data: pd.DataFrame, *notes: str
    ) -> Table:
        """The table. Arguments as of `tables.sheet`."""
        return replace(sheet(name, caption, corner, rows, self.cells, data, *notes), muted=frozenset(self.muted))


def numbers(estimates: pd.DataFrame, keys: Sequence[Key] | pd.MultiIndex, published: pd.DataFrame) -> pd.DataFrame:
    """A row per key: ours (as of `Comparison`), the published number, whether it is verified, and where it stands."""
    ours = estimates.reindex(pd.MultiIndex.from_tuples(keys, names=estimates.index.names))
    columns = _by_key(published, estimates)[["value", "verified", "citation"]]
    return ours.join(columns.rename(columns={"value": "published"})).reset_index()


def _by_key(rows: pd.DataFrame, estimates: pd.DataFrame) -> pd.DataFrame:
    names = list(estimates.index.names)
    return rows.drop_duplicates(names).set_index(names)
