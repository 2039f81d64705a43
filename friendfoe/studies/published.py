"""The numbers that a source published, each with its citation."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from friendfoe.evaluation.sample import Sample
from friendfoe.studies.evidence import KEY, Evidence

COLUMNS = ("table", "data", "model", "condition", "metric", "value", "printed", "citation", "verified")


def published(study: str) -> pd.DataFrame:
    """The rows of `studies/STUDY/published.csv`.

    Returns:
        table: in the source.
        data: the data set, as the source writes it.
        model, condition: as params.yaml names them.
        metric: such as "accuracy".
        value: in the unit of our own tables.
        printed: what the source calls this number.
        citation: where it stands.
        verified: whether it was read there. What is only recalled is shown grey and never judged.
    """
    path = Path(__file__).parent / study / "published.csv"
    rows = pd.read_csv(path, true_values=["yes"], false_values=["no"])
    if tuple(rows.columns) != COLUMNS or rows["verified"].dtype != bool or rows.isna().any(axis=None):
        raise ValueError(f"{path}: the columns must be {', '.join(COLUMNS)}; none may be empty; verified is yes or no")
    return rows


def heading(source_data: str, data: str) -> str:
    """How a column of published numbers is headed: they name their data set where it is not the one shown."""
    same = "".join(filter(str.isalnum, source_data.lower())) == "".join(filter(str.isalnum, data.lower()))
    return "published" if same else f"published ({source_data})"


def readings(rows: pd.DataFrame, column: str, same: Mapping[str, str]) -> pd.DataFrame:
    """Let published rows stand under every reading of something that the source leaves open.

    `same`: our name of a reading -> our name of the reading that the rows stand under, both in the column.
    """
    copies = [rows[rows[column] == original].assign(**{column: reading}) for reading, original in same.items()]
    return pd.concat([rows, *copies], ignore_index=True)


def verified(rows: pd.DataFrame) -> Evidence:
    """The verified numbers as evidence of one replicate; the first of several under one key counts."""
    known = rows[rows["verified"]].drop_duplicates(KEY)
    keys = known[KEY].itertuples(index=False, name=None)
    return Evidence(
        samples={key: Sample.of_replicates([value]) for key, value in zip(keys, known["value"], strict=True)}
    )
