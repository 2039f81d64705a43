"""One table, written as CSV (its numbers), Markdown and LaTeX (its text)."""

import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

# what Markdown, or GitHub's, would take for its own
_MARKDOWN = re.compile(r"[\\|$`*]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[:])|~(?=~)|(?<![^\W_])_|_(?![^\W_])")
_ESCAPED = str.maketrans({
    "\\": "\\textbackslash ", "~": "\\textasciitilde ", "^": "\\textasciicircum ",
    **{character: f"\\{character}" for character in "&%$#_{}"},
})  # fmt: skip
_LATEX = {
    "--": "-{}-", "±": r"$\pm$", "×": r"$\times$", "′": r"$'$", "≥": r"$\geq$", "−": "--", "–": "--", "→": r"$\to$",
    "†": r"$\dagger$", "<": "$<$", ">": "$>$", "|": "$|$", '"': "''",
}  # fmt: skip
_OPTION = re.compile(r"^(?=[\[*])", re.MULTILINE)  # would belong to the end of the row above

LOPSIDED = 0.3  # of the half width: the mean lies so far from the middle that ± would mislead


@dataclass(frozen=True)
class Table:
    """A table as it is shown, with the numbers behind it.

    Attributes:
        name: of its files.
        caption: what it shows.
        cells: text; the index holds the row headings (its name is that of the corner), columns have one or two levels.
        notes: what must be known to read it.
        data: the numbers, tidy; the CSV.
        muted: (row, column) positions of cells that are shown grey.
    """

    name: str
    caption: str
    cells: pd.DataFrame
    data: pd.DataFrame
    notes: tuple[str, ...] = ()
    muted: frozenset[tuple[int, int]] = frozenset()


class Estimated(str):
    """The text of an estimate, which keeps its numbers.

    Attributes:
        interval: mean, low and high.
        images: how many a replicate's value rests on; 0: on none, or not told.
        each: the values of the replicates.
    """

    interval: tuple[float, float, float]
    images: int
    each: list[float]

    def __new__(cls, text: str, interval: tuple[float, float, float], images: int, each: list[float]) -> "Estimated":
        """A text and its numbers."""
        one = super().__new__(cls, text)
        one.interval, one.images, one.each = interval, images, each
        return one

    def __getnewargs__(self) -> tuple[str, tuple[float, float, float], int, list[float]]:  # type: ignore[override]
        """For copies."""
        return str(self), self.interval, self.images, self.each

    def with_text(self, text: str) -> "Estimated":
        """The same numbers behind another text."""
        return Estimated(text, self.interval, self.images, self.each)


def estimate(mean: float, low: float, high: float, digits: int = 3) -> str:
    """A mean with its interval: "0.938 ± 0.004"; "0.998 (0.985–1.000)" where it is lopsided; the mean alone without."""
    if pd.isna(mean):
        return "–"
    text = f"{round(mean, digits) + 0.0:.{digits}f}"  # + 0.0: no "-0.000"
    half, shift = (high - low) / 2, abs((high + low) / 2 - mean)
    if not half < float("inf"):
        return text
    if shift > LOPSIDED * half and shift > 10**-digits / 2:
        return f"{text} ({low + 0.0:.{digits}f}–{high + 0.0:.{digits}f})"
    return f"{text} ± {half:.{digits}f}"


def write(table: Table, directory: Path) -> None:
    """Write `NAME.csv`, `NAME.md` and `NAME.tex` into `directory`."""
    write_numbers(table.data, directory, table.name)
    (directory / f"{table.name}.md").write_text(markdown(table), encoding="utf-8")
    (directory / f"{table.name}.tex").write_text(latex(table), encoding="utf-8")


def write_numbers(data: pd.DataFrame, directory: Path, name: str) -> None:
    """Write `NAME.csv` into `directory`, with six significant digits."""
    directory.mkdir(parents=True, exist_ok=True)
    data.to_csv(directory / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")


def markdown(table: Table) -> str:
    """The table with its caption above and its notes below; headings of two levels become one."""
    cells = table.cells.map(_literal).rename(index=_literal)
    cells.columns = pd.Index([_literal(_flat(column)) for column in cells.columns])
    cells.index.name = _literal(str(table.cells.index.name or ""))
    align = ("left", *("right" if numeric else "left" for numeric in _numeric(table.cells)))
    body = cells.to_markdown(disable_numparse=True, colalign=align)
    notes = "".join(f"\n- {note}" for note in table.notes)
    return f"**{table.caption}**\n\n{body}\n" + (f"{notes}\n" if notes else "")


def latex(table: Table) -> str:
    """A `table` float; needs the package booktabs, and for names in other scripts XeLaTeX or LuaLaTeX."""
    cells = table.cells
    styler = cells.style.format(escape="latex")
    styler = styler.format_index(escape="latex", axis=0).format_index(escape="latex", axis=1)
    columns = "l" + "".join("r" if numeric else "l" for numeric in _numeric(cells))
    caption, label = table.caption.translate(_ESCAPED), f"tab:{table.name}"
    text: str = styler.to_latex(
        hrules=True, caption=caption, label=label, column_format=columns, multicol_align="c", position_float="centering"
    )
    notes = " ".join(table.notes).translate(_ESCAPED)
    if notes:
        text = text.replace("\\end{table}", f"\\par\\smallskip\\footnotesize {notes}\n\\end{{table}}")
    for character, command in _LATEX.items():
        text = text.replace(character, command)
    return _OPTION.sub("{}", text)


def as_json(table: Table) -> dict[str, Any]:
    """The table as the page draws it: rows of the head with spans, and rows of cells with their CSS classes.

    Cells that are estimates have numbers, too: mean, low, high, images (0: none), and the values of the replicates.
    """
    columns, numeric = table.cells.columns, _numeric(table.cells)
    *groups, last = (list(columns.get_level_values(level)) for level in range(columns.nlevels))
    rows = zip(table.cells.index, table.cells.to_numpy().tolist(), strict=True)

    def classes(row: int, column: int) -> str:
        return " ".join(["number"] * numeric[column] + ["muted"] * ((row, column) in table.muted))

    return {
        "name": table.name,
        "caption": table.caption,
        "corner": str(table.cells.index.name or ""),
        "head": [
            *([{"text": text, "span": len(list(same))} for text, same in groupby(level)] for level in groups),
            [{"text": text, "numeric": number} for text, number in zip(last, numeric, strict=True)],
        ],
        "rows": [
            {
                "head": str(heading),
                "cells": [
                    {"text": str(text), "classes": classes(row, column), **_numbers(text)}
                    for column, text in enumerate(values)
                ],
            }
            for row, (heading, values) in enumerate(rows)
        ],
        "notes": list(table.notes),
    }


def _literal(text: str) -> str:
    """The text as Markdown that shows it as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def _flat(column: Any) -> str:
    return ", ".join(column) if isinstance(column, tuple) else str(column)


def _numbers(cell: str) -> dict[str, str]:
    if not isinstance(cell, Estimated) or pd.isna(cell.interval[0]):
        return {}
    return {"numbers": " ".join(f"{number:.5g}" for number in (*cell.interval, cell.images, *cell.each))}


def _numeric(cells: pd.DataFrame) -> list[bool]:
    """Of each column, whether it holds numbers alone."""
    return [all(text[:1].isdigit() or text[:1] in "-–(" for text in column) for column in cells.to_numpy().T]
