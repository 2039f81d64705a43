"""All that the distillation study measures, as one value per replicate, with what was published beside it."""

from collections.abc import Sequence
from functools import cached_property

import pandas as pd

from friendfoe.studies.claims import Measurements
from friendfoe.studies.distillation.names import UNDISTILLED, label, students, temperature
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.estimates import accuracies, cell, over_replicates
from friendfoe.studies.page import Page
from friendfoe.studies.published import heading, published
from friendfoe.studies.results import Results
from friendfoe.studies.tables import numbers

KEYS = ("metric", "model", "condition")
FLOAT32 = -45  # decimal exponent below which a float32 is 0

_INDEX = ["model", "condition", "replicate"]


class DistillationPage(Page[Settings]):
    """The report, and what is measured and published."""

    @cached_property
    def measurements(self) -> Measurements:
        """Ours."""
        return measured(self.study)

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """The same over replicates."""
        return over_replicates(self.measurements.values)

    @cached_property
    def published(self) -> pd.DataFrame:
        """Published numbers of this data set or, where there are none, of MNIST."""
        rows = published("distillation")
        same = rows["data"].str.lower().str.replace("-", "") == self.study.data
        return rows[same if same.any() else rows["data"] == "MNIST"]

    @property
    def source(self) -> str:
        """The heading of published numbers."""
        return heading(self.published["data"].iloc[0], self.study.data)

    @cached_property
    def protocol(self) -> str:
        """What JSMA does here."""
        counts, settings = self.study.table("success", part="jsma"), self.study.settings.jsma
        attacks = int(counts.groupby(["model", "kind", "replicate"])["n"].sum().iloc[0])
        return (
            f"JSMA drives {attacks // settings.targets} test images to {settings.targets} wrong classes each, "
            f"{attacks} attacks, and may set {settings.features:.2%} of the features to 1."
        )

    @property
    def models(self) -> list[str]:
        """All networks, a row each."""
        return self.study.models

    @property
    def students(self) -> list[str]:
        """The distilled ones, by temperature."""
        return students(self.models)

    def column(self, metric: str, condition: str, models: Sequence[str], digits: int = 3) -> list[str]:
        """Our cells of a metric, a row per model."""
        return [cell(self.estimates, metric, model, condition, digits=digits) for model in models]

    def data(self, metrics: list[str], models: Sequence[str], *, published: bool = False) -> pd.DataFrame:
        """Our estimates of some metrics and models under all conditions; beside them the published numbers."""
        rows = self.estimates.loc[(metrics, list(models)), :]
        return numbers(self.estimates, list(rows.index), self.published) if published else rows.reset_index()


def measured(study: Results[Settings]) -> Measurements:
    """Every metric per replicate, by `KEYS`.

    success, features, robustness: of the kinds of JSMA; features is the mean share that is changed, robustness the
    least that takes an image to any target; failures at the whole budget.
    forward, backward: passes per attack of the kinds of JSMA.
    accuracy, logits (mean absolute), change (of accuracy, against the undistilled network): of all clean test images.
    robust: accuracy under the conditions of the evaluation, on its images.
    median (of the decimal logarithm), lost (share below float32's smallest number): of the softmax's gradient.
    success, distance: of CW-L2. before, after: shares of fooling images above the confidence.
    """
    distances = study.table("distances").assign(condition="cw-l2").groupby(_INDEX)
    attacked = distances["right"].sum()
    gradients = study.table("gradients").assign(condition="gradient").groupby(_INDEX)["log10"]
    fooled = study.table("fooling").assign(condition="fooling").set_index(_INDEX)[["before", "after"]]
    shares = (fooled > study.settings.fooling.confidence).groupby(level=_INDEX).mean()
    metrics = {
        **_answers(study),
        **_jsma(study),
        "robust": accuracies(study.evaluations),
        "median": gradients.median(),
        "lost": gradients.agg(lambda values: (values < FLOAT32).mean()),
        "distance": distances["distance"].mean(),
        "before": shares["before"],
        "after": shares["after"],
    }
    metrics["success"] = pd.concat([metrics["success"], distances["distance"].count() / attacked.where(attacked > 0)])
    return Measurements(pd.concat(metrics, names=["metric"]).rename("value").sort_index())


def _answers(study: Results[Settings]) -> dict[str, pd.Series]:
    table = study.table("answers").assign(condition="clean").set_index(_INDEX)
    accuracy = table["correct"] / table["n"]
    change = (accuracy - accuracy.xs(UNDISTILLED, level="model")).rename("change").reset_index().set_index(_INDEX)
    return {"accuracy": accuracy, "logits": table["logits"], "change": change["change"]}


def _jsma(study: Results[Settings]) -> dict[str, pd.Series]:
    success, attacks = (
        study.table(name, part="jsma").rename(columns={"kind": "condition"}) for name in ("success", "attacks")
    )
    sums = success.groupby(_INDEX)[["n", "reached", "features"]].sum()
    attacks = attacks.set_index(_INDEX)
    metrics = {
        "success": sums["reached"] / sums["n"],
        "features": sums["features"] / sums["n"],
        "forward": attacks["forward"] / attacks["attacks"],
        "backward": attacks["backward"] / attacks["attacks"],
        "robustness": attacks["robustness"],
    }
    return {metric: _at_one(values) for metric, values in metrics.items()}


def _at_one(values: pd.Series) -> pd.Series:
    """At T = 1 the softmax of logits / T is the softmax."""
    kind = values.index.get_level_values("condition")
    unit = [temperature(model) == 1 for model in values.index.get_level_values("model")]
    same = values[(kind == "jsma") & unit].rename({"jsma": "jsma-temperature"}, level="condition")
    both: pd.Series = pd.concat([values, same])
    return both


def labels(models: Sequence[str]) -> list[str]:
    """Row headings."""
    return [label(model) for model in models]
