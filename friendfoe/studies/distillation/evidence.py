"""All that was measured, as one value per replicate; and what was published, likewise."""

from collections.abc import Callable

import pandas as pd

from friendfoe.studies.distillation.names import UNDISTILLED, temperature
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.estimates import accuracies
from friendfoe.studies.published import published
from friendfoe.studies.results import Results

Evidence = Callable[[str, str, str], pd.Series]
"""(metric, model, condition) -> a value per replicate; a KeyError where there is none."""

KEYS = ["metric", "model", "condition"]
FLOAT32 = -45  # decimal exponent below which a float32 is 0


def measured(study: Results[Settings]) -> pd.Series:
    """Every measure per replicate, indexed by metric, model, condition and replicate.

    success, features, robustness: of the kinds of JSMA; features is the mean share that is changed, robustness the
    least that takes an image to any target; failures at the whole budget.
    forward, backward: passes per attack of the kinds of JSMA.
    accuracy, logits (mean absolute), change (of accuracy, against the undistilled network): of all clean test images.
    robust: accuracy under the conditions of the evaluation, on its images.
    median (of the decimal logarithm), lost (share below float32's smallest number): of the softmax's gradient.
    success, distance: of CW-L2. before, after: shares of fooling images above the confidence.
    """
    parts = {
        **_jsma(study),
        **_answers(study),
        "robust": accuracies(study.evaluations),
        **_gradients(study),
        **_fooling(study),
    }
    distances = study.table("distances").groupby(["model", "replicate"])
    found, attacked = distances["distance"].count(), distances["right"].sum()
    tables = [_named(metric, values) for metric, values in parts.items()]
    tables += [_named("success", found / attacked.where(attacked > 0), "cw-l2")]
    tables += [_named("distance", distances["distance"].mean(), "cw-l2")]
    values: pd.Series = pd.concat(tables)
    return values.sort_index()


def theirs(data: str) -> pd.DataFrame:
    """The published rows of this data set where there are some, else those of MNIST."""
    rows = published("distillation")
    same = rows["data"].str.lower().str.replace("-", "") == data
    return rows[same if same.any() else rows["data"] == "MNIST"]


def lookup(values: pd.Series) -> Evidence:
    """Ask `measured` by metric, model and condition."""
    return lambda metric, model, condition: values.loc[(metric, model, condition)]


def published_lookup(rows: pd.DataFrame) -> Evidence:
    """Ask the verified ones of the published rows; the first table that has a number counts."""
    known = rows[rows["verified"]].drop_duplicates(KEYS).assign(replicate=0)
    return lookup(known.set_index([*KEYS, "replicate"])["value"].sort_index())


def over_temperature(evidence: Evidence, metric: str, condition: str, students: list[str]) -> pd.DataFrame:
    """A measure of the students: a row per replicate, a column per temperature."""
    return pd.DataFrame({temperature(model): evidence(metric, model, condition) for model in students})


def students(models: list[str]) -> list[str]:
    """The distilled ones among the models, by temperature."""
    return sorted((model for model in models if model != UNDISTILLED), key=temperature)


def _jsma(study: Results[Settings]) -> dict[str, pd.Series]:
    index = ["model", "kind", "replicate"]
    sums = study.table("success", part="jsma").groupby(index)[["n", "reached", "features"]].sum()
    attacks = study.table("attacks", part="jsma").set_index(index)
    every = {
        "success": sums["reached"] / sums["n"],
        "features": sums["features"] / sums["n"],
        "forward": attacks["forward"] / attacks["attacks"],
        "backward": attacks["backward"] / attacks["attacks"],
        "robustness": attacks["robustness"],
    }
    return {metric: _at_one(values) for metric, values in every.items()}


def _at_one(values: pd.Series) -> pd.Series:
    """At T = 1 the softmax of logits / T is the softmax."""
    kind = values.index.get_level_values("kind")
    unit = [temperature(model) == 1 for model in values.index.get_level_values("model")]
    same = values[(kind == "jsma") & unit].rename({"jsma": "jsma-temperature"}, level="kind")
    both: pd.Series = pd.concat([values, same])
    return both


def _answers(study: Results[Settings]) -> dict[str, pd.Series]:
    table = study.table("answers").assign(condition="clean").set_index(["model", "condition", "replicate"])
    accuracy = table["correct"] / table["n"]
    return {
        "accuracy": accuracy,
        "logits": table["logits"],
        "change": accuracy - accuracy.xs(UNDISTILLED, level="model"),
    }


def _gradients(study: Results[Settings]) -> dict[str, pd.Series]:
    groups = study.table("gradients").assign(condition="gradient").groupby(["model", "condition", "replicate"])["log10"]
    return {"median": groups.median(), "lost": groups.agg(lambda values: (values < FLOAT32).mean())}


def _fooling(study: Results[Settings]) -> dict[str, pd.Series]:
    table = study.table("fooling").assign(condition="fooling")
    sure = table.set_index(["model", "condition", "replicate"])[["before", "after"]] > study.settings.fooling.confidence
    shares = sure.groupby(level=["model", "condition", "replicate"]).mean()
    return {"before": shares["before"], "after": shares["after"]}


def _named(metric: str, values: pd.Series, condition: str = "") -> pd.Series:
    frame = values.rename("value").reset_index().assign(metric=metric)
    if condition:
        frame["condition"] = condition
    frame = frame.rename(columns={"kind": "condition"})
    return frame.set_index([*KEYS, "replicate"])["value"]
