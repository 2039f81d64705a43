"""Two runs beside each other on a page, with all cells as CSV beside it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from friendfoe.comparison.compare import Cell, Comparison
from friendfoe.comparison.show import agreement, origin, reason
from friendfoe.report.page import PAGE, render
from friendfoe.runtime.files import atomic_path

CELLS = "cells.csv"


def write(found: Sequence[Comparison], runs: tuple[str, str], folder: Path) -> Path:
    """Write `index.html` and `cells.csv` into a folder.

    Args:
        found: the comparison of every report that both runs have.
        runs: what they are called.
        folder: made where it is missing.

    Returns:
        The page.
    """
    rows = pd.DataFrame([_row(one, cell) for one in found for cell in one.cells])
    with atomic_path(folder / CELLS) as partial:
        rows.to_csv(partial, index=False, float_format="%.6g", lineterminator="\n")
    render("compare.html", folder / PAGE, runs=runs, cells=CELLS, studies=[_section(one) for one in found])
    return folder / PAGE


def _section(found: Comparison) -> dict[str, object]:
    return {
        "id": f"{found.after.data}-{found.after.study}",
        "title": found.after.title,
        "origins": [origin(found.before), origin(found.after)],
        "same": found.same_files,
        "paired": found.paired,
        "other_code": found.other_code,
        "settings": found.settings,
        "altered": [f"{path} of {each.run}" for each, path in found.altered],
        "verdicts": found.verdicts(),
        "tables": {name: agreement(cells) for name, cells in found.by_table().items()},
        "cells": [(cell.table, cell.place, cell.before, cell.after, reason(cell)) for cell in found.differing],
        "count": len(found.cells),
    }


def _row(found: Comparison, cell: Cell) -> dict[str, object]:
    return {
        "data": found.after.data,
        "study": found.after.study,
        "table": cell.table,
        "cell": cell.place,
        "before": cell.before,
        "after": cell.after,
        **{name: getattr(cell.difference, name, "") for name in ("mean", "low", "high")},
        "p": cell.p if cell.difference else "",
        "differs": cell.differs,
        "problem": cell.problem,
    }
