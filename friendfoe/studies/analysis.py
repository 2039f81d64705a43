"""What all analyses do in the same way: work side by side, and write what they compute."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from friendfoe.evaluation import outcomes
from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.runtime import tables
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import each_replicate
from friendfoe.studies.evidence import OUTCOMES

T = TypeVar("T")
Record = dict[str, Any]
"""A row of a table by column."""


def side_by_side(title: str, count: int, work: Callable[[int, Callable[[], None]], T], steps: int = 1) -> list[T]:
    """The results of `work(number, step)` for the numbers 0 to `count` - 1, with a progress bar of that title.

    The numbers are those of replicates, or of other things that are independent of one another; `work` calls `step`
    whenever it has done one of its `steps`.
    """
    with progress(title, count * steps) as advance:
        return each_replicate(lambda number, send: work(number, lambda: send(None)), count, lambda *_: advance(1))


def write_table(table: pd.DataFrame | list[Record], out: Path, name: str, *, digits: int = 6) -> None:
    """Write `NAME.csv` with so many significant digits."""
    tables.write(pd.DataFrame(table), out / f"{name}.csv", digits=digits)


def write_outcomes(found: Mapping[Key, Outcomes], out: Path) -> None:
    """Write what became of single images, from which `Results.evidence` makes quantities with intervals."""
    outcomes.write(out / OUTCOMES, found)
