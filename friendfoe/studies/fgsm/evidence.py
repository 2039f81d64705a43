"""Our measures and the published ones, looked up in the same way."""

from collections.abc import Callable

import pandas as pd

from friendfoe.studies.published import published, readings

Evidence = Callable[[str, str, str], pd.Series]
"""(model, condition, metric) -> a value per replicate; a KeyError where there is none."""

_WIDE = "wide-adversarial"  # the paper trains its large network adversarially; ours is the small one


def ours(measures: pd.DataFrame) -> Evidence:
    """Of the rows that the analysis wrote: model, condition, metric, value, replicate."""
    values = measures.set_index(["model", "condition", "metric", "replicate"])["value"].sort_index()
    return lambda model, condition, metric: values.loc[(model, condition, metric)]


def theirs() -> pd.DataFrame:
    """The published rows; what the paper has of its large network stands under our small one, too, but not clean."""
    rows = published("fgsm")
    attacked = rows[~((rows["model"] == _WIDE) & (rows["condition"] == "clean"))]
    copies = readings(attacked, "model", {"maxout-adversarial": _WIDE})
    return readings(
        pd.concat([rows, copies.iloc[len(attacked) :]], ignore_index=True),
        "condition",
        {"on-maxout-adversarial": f"on-{_WIDE}"},
    )


def printed(rows: pd.DataFrame) -> Evidence:
    """The published numbers as the only replicate."""
    values = rows.set_index(["model", "condition", "metric"])["value"].sort_index()
    return lambda model, condition, metric: pd.Series([values.loc[(model, condition, metric)]])
