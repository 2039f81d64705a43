"""From class-wise counts to accuracies per replicate, and from those to means with intervals."""

import pandas as pd

from friendfoe.evaluation.intervals import mean_interval
from friendfoe.report.tables import estimate


def as_crafted(evaluations: pd.DataFrame) -> pd.DataFrame:
    """The counts on images as they are crafted, and on clean ones as they are; none on rounded ones."""
    crafted = evaluations.groupby(["model", "condition"])["pixels"].transform(lambda kinds: (kinds == "float").any())
    return evaluations[(evaluations["pixels"] == "float") | ~crafted]


def accuracies(evaluations: pd.DataFrame, *by: str, pixels: str | None = "uint8") -> pd.Series:
    """Accuracy per model, condition, `by` (such as "class") and replicate; missing where there are no images.

    Args:
        evaluations: class-wise counts (`Results.evaluations`).
        by: further columns to tell apart; what is left out is summed.
        pixels: "uint8" is what a saved image carries, "float" the images as they are crafted; None: all rows given.
    """
    sums = _sums(evaluations, *by, pixels=pixels)
    return (sums["correct"] / sums["n"]).rename("accuracy")


def over_replicates(values: pd.Series) -> pd.DataFrame:
    """Mean, 95 % t interval (low, high) and number of replicates of what the other levels of the index name.

    For what rests on no images; a share of them has `Evidence.estimates`, which knows how few they are.
    """
    keys = [name for name in values.index.names if name != "replicate"]
    records = []
    for key, sample in values.groupby(level=keys, sort=False):
        mean, (low, high) = mean_interval(sample.to_numpy())
        records.append((*(key if isinstance(key, tuple) else (key,)), mean, low, high, len(sample)))
    return pd.DataFrame(records, columns=[*keys, "mean", "low", "high", "replicates"]).set_index(keys)


def _sums(evaluations: pd.DataFrame, *by: str, pixels: str | None) -> pd.DataFrame:
    rows = evaluations if pixels is None else evaluations[evaluations["pixels"] == pixels]
    return rows.groupby(["model", "condition", *by, "replicate"])[["correct", "n"]].sum()


def cell(estimates: pd.DataFrame, *key: str | float, digits: int = 3, scale: float = 1) -> str:
    """The estimate at `key`, times `scale`, as a table's cell: "0.938 ± 0.004", or "–" where there is none."""
    where = key if estimates.index.nlevels > 1 else key[0]
    if where not in estimates.index:
        return "–"
    mean, low, high = (scale * estimates.loc[[where], ["mean", "low", "high"]].iloc[0]).tolist()
    return estimate(mean, low, high, digits)
