"""A table of quantities: rows and columns as data, and what stands where they meet."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from friendfoe.evaluation.sample import Sample
from friendfoe.report.tables import Table
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import frame
from friendfoe.studies.tables import sheet

R = TypeVar("R")
C = TypeVar("C")


def grid(
    name: str,
    caption: str,
    corner: str,
    rows: Mapping[str, R],
    columns: Mapping[str, C] | Mapping[tuple[str, str], C],
    quantity: Callable[[R, C], Sample],
    *notes: str,
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
    return sheet(name, caption, corner, rows, cells, estimates.reset_index(), *notes)
