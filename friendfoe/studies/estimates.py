"""From class-wise counts to accuracies per replicate, and from those to means with intervals."""

from typing import Any

import pandas as pd

from friendfoe.evaluation.sample import Sample
from friendfoe.report.tables import Estimated, estimate
from friendfoe.studies.evidence import frame


def accuracies(evaluations: pd.DataFrame, pixels: str) -> pd.Series:
    """Accuracy per model, condition and replicate, from class-wise counts (`Results.evaluations`).

    `pixels`: "uint8" is what a saved image carries, "float" the images as they are crafted.
    """
    rows = evaluations[evaluations["pixels"] == pixels]
    sums = rows.groupby(["model", "condition", "replicate"])[["correct", "n"]].sum()
    return (sums["correct"] / sums["n"]).rename("accuracy")


def over_replicates(values: pd.Series) -> pd.DataFrame:
    """Mean, 95 % t interval (low, high) and number of replicates of what the other levels of the index name.

    For what rests on no images; a share of them has `Evidence.estimates`, which knows how few they are.
    """
    keys = [str(name) for name in values.index.names if name != "replicate"]
    groups: Any = values.groupby(level=keys, sort=False)
    return frame({key: Sample.of_replicates(each).estimate() for key, each in groups}, keys).drop(columns="n")


def cell(estimates: pd.DataFrame, *key: str | float, digits: int = 3, scale: float = 1) -> str:
    """The estimate at `key`, times `scale`, as a table's cell: "0.938 ± 0.004", or "–" where there is none.

    It keeps its numbers (`report.tables.Estimated`).
    """
    where = key if estimates.index.nlevels > 1 else key[0]
    if where not in estimates.index:
        return "–"
    row: Any = estimates.index.get_loc(where)  # not `loc`, which is slow, and tables have hundreds of cells
    mean, low, high = (scale * estimates[name].to_numpy(float)[row] for name in ("mean", "low", "high"))
    n = int(estimates["n"].to_numpy()[row]) if "n" in estimates else 0
    each = [scale * float(value) for value in str(estimates["values"].to_numpy()[row]).split()]
    return Estimated(estimate(mean, low, high, digits), (mean, low, high), n, each)
