"""Tables as CSV in which names stay names.

CSV knows no types: a class called "00000", "1e5" or "nan" would come back as a number. Here the heading of a column of
text is quoted, which no other reader minds, and such a column is read as it was written.
"""

from collections.abc import Collection
from pathlib import Path

import pandas as pd


def write(table: pd.DataFrame, path: Path, *, digits: int) -> None:
    """Write a table; floats with so many significant digits. Headings are plain words."""
    headings = [f'"{name}"' if any(isinstance(cell, str) for cell in table[name]) else str(name) for name in table]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(headings) + "\n")
        table.to_csv(file, index=False, header=False, float_format=f"%.{digits}g", lineterminator="\n")


def read(path: Path, text: Collection[str] = ()) -> pd.DataFrame:
    """Read a table. `text`: columns of text whose headings are not quoted. An empty cell is a missing value."""
    with path.open(encoding="utf-8") as file:
        headings = file.readline().strip().split(",")
    names = [heading.strip('"') for heading in headings]
    words = {name for name, heading in zip(names, headings, strict=True) if name in text or heading != name}
    missing = {name: [""] if name in words else ["", "nan"] for name in names}
    return pd.read_csv(path, dtype=dict.fromkeys(words, str), keep_default_na=False, na_values=missing)
