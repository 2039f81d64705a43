"""Corruption error: errors under corruptions, relative to those of a reference. Hendrycks & Dietterich 2019, section 4.

    CE_c = sum over severities of E(s, c) / the same sum of the reference          mCE = mean over corruptions of CE_c
    relative CE_c = sum over severities of (E(s, c) - E(clean)) / the same sum of the reference

The paper's reference is AlexNet; any model may be one, and a table says which. All are in percent.
"""

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
    corrupted, clean = errors[errors["corruption"] != CLEAN], errors[errors["corruption"] == CLEAN]
    _check_complete(corrupted)
    if relative:
        corrupted = _losses(corrupted, clean)
    sums = corrupted.groupby(["model", "replicate", "corruption"], sort=False)["error"].sum()
    measure = _of_reference(sums, reference, "loses nothing" if relative else "makes no errors")
    ce: pd.Series = 100 * sums / measure.reindex(sums.index.get_level_values("corruption")).to_numpy()
    return ce.rename("ce").reset_index()


def mean_corruption_error(errors: pd.DataFrame, reference: str, *, relative: bool = False) -> pd.DataFrame:
    """mCE of every model and replicate; arguments and errors as of `corruption_errors`.

    Returns:
        model, replicate, mce (in percent). The mean of the reference's is 100.
    """
    ce = corruption_errors(errors, reference, relative=relative)
    return ce.groupby(["model", "replicate"], sort=False)["ce"].mean().rename("mce").reset_index()


def measurable(errors: pd.DataFrame, reference: str) -> pd.DataFrame:
    """The errors without those under corruptions that the reference makes none under, where images are easy.

    Nothing can be measured by it there. Arguments as of `corruption_errors`.
    """
    sums = errors[errors["model"] == reference].groupby("corruption", sort=False)["error"].sum()
    return errors[errors["corruption"].isin([*sums.index[sums > 0], CLEAN])]


def yardstick(errors: pd.DataFrame, reference: str) -> pd.Series:
    """What corruption errors are measured by: the reference's sum over severities, mean over its replicates.

    Arguments and errors as of `corruption_errors`; indexed by corruption, in the order in which they stand there. CE is
    linear in the errors that it measures: what one image contributes is its own sum, in percent of this.
    """
    _check(errors, reference)
    corrupted = errors[errors["corruption"] != CLEAN]
    _check_complete(corrupted)
    sums = corrupted.groupby(["model", "replicate", "corruption"], sort=False)["error"].sum()
    return _of_reference(sums, reference, "makes no errors")


def _of_reference(sums: pd.Series, reference: str, nothing: str) -> pd.Series:
    means: pd.Series = sums.loc[[reference]].groupby("corruption", sort=False).mean()
    if len(corruptions := means.index[means <= 0]):
        place = ", ".join(corruptions)
        raise ValueError(f"reference: {reference} {nothing} under {place}; no other model can be measured by it")
    return means


def _check(errors: pd.DataFrame, reference: str) -> None:
    if missing := [column for column in (*_KEYS, "error") if column not in errors]:
        raise ValueError(f"errors: has no column {', '.join(missing)}")
    if not errors["error"].between(0, 1).all():
        raise ValueError("errors: must be shares in [0, 1]")
    if (duplicates := errors.duplicated(_KEYS)).any():
        raise ValueError(f"errors: two rows say the same: {_first(errors[duplicates])}")
    if reference not in set(errors["model"]):
        raise ValueError(f"reference: there are no errors of {reference}")


def _check_complete(corrupted: pd.DataFrame) -> None:
    """All models and replicates must have been asked the same."""
    conditions = corrupted[["corruption", "severity"]].drop_duplicates()
    if conditions.empty:
        raise ValueError("errors: has no corruption")
    grid = corrupted[["model", "replicate"]].drop_duplicates().merge(conditions, how="cross")
    cells = grid.merge(corrupted, how="left", on=_KEYS, indicator=True)
    if len(gaps := cells[cells["_merge"] == "left_only"]):
        raise ValueError(f"errors: there is none of {_first(gaps)}, which another model or replicate has")


def _losses(corrupted: pd.DataFrame, clean: pd.DataFrame) -> pd.DataFrame:
    """What is lost from clean images to corrupted ones, in place of the errors."""
    clean_error = clean.set_index(["model", "replicate"])["error"].rename("clean")
    joined = corrupted.join(clean_error, on=["model", "replicate"])
    if (gaps := joined["clean"].isna()).any():
        row = joined[gaps].iloc[0]
        raise ValueError(f"errors: {row['model']}, replicate {row['replicate']}, has no row of clean images")
    return joined.assign(error=joined["error"] - joined["clean"])


def _first(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    return f"{row['model']}, replicate {row['replicate']}, {row['corruption']} at severity {row['severity']}"
