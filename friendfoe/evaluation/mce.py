"""Corruption error: errors under corruptions, relative to those of a reference. Hendrycks & Dietterich 2019, section 4.

    CE_c = sum over severities of E(s, c) / the same sum of the reference          mCE = mean over corruptions of CE_c
    relative CE_c = sum over severities of (E(s, c) - E(clean)) / the same sum of the reference

The paper's reference is AlexNet; any model may be one, and a table says which. All are in percent.
"""

from collections.abc import Iterable

import pandas as pd

CLEAN = "clean"
"""What stands for a corruption where there is none; its severity is 0."""

_KEYS = ["model", "replicate", "corruption", "severity"]


def corruption_errors(errors: pd.DataFrame, reference: str, *, relative: bool = False) -> pd.DataFrame:
    """CE of every model, replicate and corruption.

    The reference's sums are means over its replicates: one yardstick for all, so that its own CE is 100 on average,
    and spreads as its errors do.

    Args:
        errors: a row per model, replicate, corruption and severity; `error` is a share in [0, 1]. Rows of the
            corruption `clean` are needed, and used, for relative errors alone.
        reference: the model that the others are measured by.
        relative: how much is lost from clean images to corrupted ones, in place of what is wrong.

    Returns:
        model, replicate, corruption, ce (in percent).

    Raises:
        ValueError: a row is missing, or there twice, or the reference makes no errors to measure by.
    """
    _check(errors, reference)
    corrupted = errors[errors["corruption"] != CLEAN]
    _check_complete(corrupted)
    if relative:
        corrupted = _lost(corrupted, errors[errors["corruption"] == CLEAN])
    sums = corrupted.groupby(["model", "replicate", "corruption"], sort=False)["error"].sum()
    yardstick = sums.loc[[reference]].groupby("corruption").mean()
    if len(without := yardstick.index[yardstick <= 0]):
        what = "loses nothing" if relative else "makes no errors"
        raise ValueError(
            f"reference: {reference} {what} under {_listed(without)}; no other model can be measured by it"
        )
    ce = 100 * sums / yardstick.reindex(sums.index.get_level_values("corruption")).to_numpy()
    return _frame(ce, "ce")


def mean_corruption_error(errors: pd.DataFrame, reference: str, *, relative: bool = False) -> pd.DataFrame:
    """mCE of every model and replicate; arguments and errors as of `corruption_errors`.

    Returns:
        model, replicate, mce (in percent). The mean of the reference's is 100.
    """
    ce = corruption_errors(errors, reference, relative=relative)
    return _frame(ce.groupby(["model", "replicate"], sort=False)["ce"].mean(), "mce")


def _check(errors: pd.DataFrame, reference: str) -> None:
    if missing := [column for column in (*_KEYS, "error") if column not in errors]:
        raise ValueError(f"errors: has no column {_listed(missing)}")
    if not errors["error"].between(0, 1).all():
        raise ValueError("errors: must be shares in [0, 1]")
    if (twice := errors.duplicated(_KEYS)).any():
        raise ValueError(f"errors: two rows say the same: {_first(errors[twice])}")
    if reference not in set(errors["model"]):
        raise ValueError(f"reference: there are no errors of {reference}")


def _check_complete(corrupted: pd.DataFrame) -> None:
    """All models and replicates must have been asked the same."""
    asked = corrupted[["corruption", "severity"]].drop_duplicates()
    if asked.empty:
        raise ValueError("errors: has no corruption")
    wanted = corrupted[["model", "replicate"]].drop_duplicates().merge(asked, how="cross")
    there = wanted.merge(corrupted, how="left", on=_KEYS, indicator=True)
    if len(absent := there[there["_merge"] == "left_only"]):
        raise ValueError(f"errors: there is none of {_first(absent)}, which another model or replicate has")


def _lost(corrupted: pd.DataFrame, clean: pd.DataFrame) -> pd.DataFrame:
    of_clean = clean.set_index(["model", "replicate"])["error"].rename("clean")
    both = corrupted.join(of_clean, on=["model", "replicate"])
    if (without := both["clean"].isna()).any():
        row = both[without].iloc[0]
        raise ValueError(f"errors: {row['model']}, replicate {row['replicate']}, has no row of clean images")
    return both.assign(error=both["error"] - both["clean"])


def _frame(values: pd.Series, name: str) -> pd.DataFrame:
    return values.to_frame(name).reset_index()


def _first(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    return f"{row['model']}, replicate {row['replicate']}, {row['corruption']} at severity {row['severity']}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
