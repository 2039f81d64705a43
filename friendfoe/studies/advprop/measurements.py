"""All that the AdvProp study measures, as one value per replicate; and what was published, likewise."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from friendfoe.evaluation.mce import CLEAN, corruption_errors, mean_corruption_error
from friendfoe.studies.advprop.names import VANILLA
from friendfoe.studies.claims import Measurements


@dataclass(frozen=True)
class MeasurementsBySize(Measurements):
    """One value per replicate of every network, by metric, model and variant.

    A gain may stand there as it was measured or printed, under the metric `METRIC over MODEL`.
    """

    sizes: Sequence[str]  # the variants, from small to large

    def by_size(self, metric: str, model: str) -> pd.DataFrame:
        """A row per replicate, a column per size that there is; a KeyError where there is none."""
        values = self(metric, model)
        known = set(values.index.get_level_values("variant"))
        return pd.DataFrame({size: values.loc[size] for size in self.sizes if size in known})

    def gain(self, metric: str, model: str, over: str) -> pd.DataFrame:
        """What a model adds to another one's measure, replicate by replicate: likewise, for sizes that both have."""
        if (f"{metric} over {over}", model) in self.values.index:
            return self.by_size(f"{metric} over {over}", model)
        return (self.by_size(metric, model) - self.by_size(metric, over)).dropna(axis=1)


EFFICIENTNETS = ("EfficientNet", "same attacker", "robustness of EfficientNet-B7")
"""Tables of published.csv."""

KEYS = ["metric", "model", "variant", "replicate"]


def measured(errors: pd.DataFrame, reference: str) -> pd.Series:
    """Accuracy, and mCE (in percent of the reference), indexed by metric, model, variant and replicate.

    Accuracy is on clean images; on a benchmark that has none it is the mean over corruptions and severities, and there
    is no mCE where it has but one corruption. `errors` are as the analysis wrote them, our own or those on one
    published benchmark; corruption errors are measured by the network `reference`, such as `vanilla/width-2`.
    """
    clean = errors["corruption"] == CLEAN
    error = (errors[clean] if clean.any() else errors).groupby(["model", "replicate"])["error"].mean()
    parts = [(1 - error).rename("value").reset_index().assign(metric="accuracy")]
    if errors["corruption"].nunique() > 1:
        mce = mean_corruption_error(errors, reference)
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


def published_by_size(rows: pd.DataFrame) -> MeasurementsBySize:
    """What is published of EfficientNets on ImageNet and ImageNet-C, as the only replicate."""
    known = rows[rows["verified"] & rows["table"].isin(EFFICIENTNETS) & rows["data"].isin(("ImageNet", "ImageNet-C"))]
    values = known.rename(columns={"condition": "variant"}).assign(replicate=0).set_index(KEYS)["value"]
    return MeasurementsBySize(values.sort_index(), sorted(set(known["condition"])))


def _apart(rows: pd.DataFrame) -> pd.DataFrame:
    """The name of a network, MODEL/VARIANT, in its two parts."""
    parts = rows["model"].str.split("/", n=1)
    return rows.assign(model=parts.str[0], variant=parts.str[1])
