"""All that was measured, as one value per replicate; and what was published, likewise."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from friendfoe.evaluation.mce import CLEAN, corruption_errors, mean_corruption_error
from friendfoe.studies.advprop.names import VANILLA


@dataclass(frozen=True)
class Evidence:
    """One value per replicate of every network.

    Attributes:
        values: indexed by metric, model, variant and replicate. A gain may stand there as it was measured or printed,
            under the metric `METRIC over MODEL`.
        sizes: the variants, from small to large.
    """

    values: pd.Series
    sizes: Sequence[str]

    def __call__(self, metric: str, model: str) -> pd.DataFrame:
        """A row per replicate, a column per size that there is; a KeyError where there is none."""
        known = self.values.loc[(metric, model)]
        there = set(known.index.get_level_values("variant"))
        return pd.DataFrame({size: known.loc[size] for size in self.sizes if size in there})

    def gain(self, metric: str, model: str, over: str) -> pd.DataFrame:
        """What a model adds to another one's measure, replicate by replicate: likewise, for sizes that both have."""
        if (f"{metric} over {over}", model) in self.values.index:
            return self(f"{metric} over {over}", model)
        return (self(metric, model) - self(metric, over)).dropna(axis=1)


EFFICIENTNETS = ("EfficientNet", "same attacker", "robustness of EfficientNet-B7")
"""Tables of published.csv."""

KEYS = ["metric", "model", "variant", "replicate"]


def measured(errors: pd.DataFrame, reference: str) -> pd.Series:
    """Accuracy on clean images and mCE (in percent of the reference), indexed by metric, model, variant and replicate.

    Args:
        errors: as the analysis wrote them.
        reference: the network that corruption errors are measured by, such as `vanilla/width-2`.
    """
    clean = errors[errors["corruption"] == CLEAN]
    accuracy = clean[["model", "replicate"]].assign(metric="accuracy", value=1 - clean["error"])
    mce = mean_corruption_error(errors, reference).rename(columns={"mce": "value"}).assign(metric="mce")
    rows = pd.concat([accuracy, mce], ignore_index=True)
    return _apart(rows).set_index(KEYS)["value"].sort_index()


def on_benchmark(rows: pd.DataFrame, reference: str) -> pd.Series:
    """Accuracy, mean over corruptions and severities, and mCE where there are several corruptions; as `measured`.

    Args:
        rows: errors on one published benchmark.
        reference: as of `measured`.
    """
    mean = rows.groupby(["model", "replicate"])["error"].mean()
    parts = [(1 - mean).rename("value").reset_index().assign(metric="accuracy")]
    if rows["corruption"].nunique() > 1:
        mce = mean_corruption_error(rows, reference)
        parts.append(mce.rename(columns={"mce": "value"}).assign(metric="mce"))
    return _apart(pd.concat(parts, ignore_index=True)).set_index(KEYS)["value"].sort_index()


def by_corruption(errors: pd.DataFrame, reference: str) -> pd.Series:
    """CE, mean over the variants of a model, indexed by model, corruption and replicate."""
    rows = _apart(corruption_errors(errors, reference))
    means: pd.Series = rows.groupby(["model", "corruption", "replicate"], sort=False)["ce"].mean()
    return means


def reference(sizes: Sequence[str]) -> str:
    """What corruption errors are measured by: vanilla training at the smallest size, which errs most."""
    return f"{VANILLA}/{sizes[0]}"


def theirs(rows: pd.DataFrame) -> Evidence:
    """What is published of EfficientNets on ImageNet and ImageNet-C, as the only replicate."""
    known = rows[rows["verified"] & rows["table"].isin(EFFICIENTNETS) & rows["data"].isin(("ImageNet", "ImageNet-C"))]
    values = known.rename(columns={"condition": "variant"}).assign(replicate=0).set_index(KEYS)["value"]
    return Evidence(values.sort_index(), sorted(set(known["condition"])))


def _apart(rows: pd.DataFrame) -> pd.DataFrame:
    """The name of a network, MODEL/VARIANT, in its two parts."""
    parts = rows["model"].str.split("/", n=1)
    return rows.assign(model=parts.str[0], variant=parts.str[1])
