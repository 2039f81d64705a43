"""The tables of the study, ours and the published ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.advprop.measurements import OVER
from friendfoe.studies.advprop.names import ADVPROP, CONTROL, FINE, METHODS, SHARED, VANILLA
from friendfoe.studies.estimates import cell, over_replicates
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.tables import sheet

PUBLISHED = {  # table of published.csv -> caption
    "EfficientNet": "Published: top-1 accuracy of EfficientNets on ImageNet",
    "same attacker": "Published: what separate batch norms add to the accuracy, with the same attacker for both",
    "ResNet": "Published: top-1 accuracy of ResNets on ImageNet",
    "fine-tuning": "Published: training on adversarial images alone, then on clean ones, on ImageNet",
    "robustness of EfficientNet-B7": "Published: EfficientNet-B7 on harder images",
}
CLEANLY = (VANILLA, CONTROL, SHARED, ADVPROP, FINE)
"""Methods whose training curve is of clean images."""


def by_size(name: str, metric: str, caption: str, evidence: Evidence, sizes: Sequence[str], *notes: str) -> Table:
    """A measure of all methods at all sizes, and its mean over them."""
    estimates, digits = evidence.estimates(metric), 3 if metric == "accuracy" else 1
    columns = [*sizes, OVER]
    cells = {column: [cell(estimates, method, column, digits=digits) for method in METHODS] for column in columns}
    numbers = estimates.loc[([*METHODS], columns), :].reset_index()
    return sheet(name, caption, "trained by", METHODS.values(), cells, numbers, *notes)


def regime(curves: Mapping[tuple[str, str], pd.DataFrame], sizes: Sequence[str], *notes: str) -> Table:
    """Accuracy on the training images in the last epoch, and on test images after it: whether networks overfit.

    `curves` (`Results.curve`) by method and size.
    """
    values = pd.concat(
        {
            (metric, method, size): curve.groupby("replicate")[column].last()
            for (method, size), curve in curves.items()
            for metric, column in (("training images", "accuracy"), ("test images", "test_accuracy"))
        },
        names=["on", "method", "size"],
    )
    estimates = over_replicates(values)
    cells = {
        (size, on): [cell(estimates, on, method, size) for method in CLEANLY]
        for size in sizes
        for on in ("training images", "test images")
    }
    titles = [METHODS[method] for method in CLEANLY]
    caption = "Accuracy on clean images: those trained on, in the last epoch, and test images"
    return sheet("regime", caption, "trained by", titles, cells, estimates.reset_index(), *notes)


def published(name: str, rows: pd.DataFrame) -> Table:
    """One of the source's tables: methods down, what they were asked across."""
    sets, single = rows["data"].nunique() > 1, rows["data"] + ", " + rows["metric"]
    columns = single if sets else rows["condition"]
    texts = {
        (column, row.model): f"{row.value:.1f}" if row.metric == "mce" else f"{row.value:.3f}"
        for column, row in zip(columns, rows.itertuples(), strict=True)
    }
    methods = [method for method in METHODS if method in set(rows["model"])]
    cells = {column: [texts.get((column, method), "–") for method in methods] for column in columns.unique()}
    titles = [METHODS[method] for method in methods]
    return sheet(f"published-{name}", PUBLISHED[rows["table"].iloc[0]], "trained by", titles, cells, rows)


def corruptions(estimates: pd.DataFrame, *notes: str) -> Table:
    """CE under every corruption, mean over sizes, by model and corruption."""
    names = list(dict.fromkeys(estimates.index.get_level_values("corruption")))
    cells = {title: [cell(estimates, method, name, digits=1) for name in names] for method, title in METHODS.items()}
    caption, titles = "Corruption error, mean over sizes", [name.replace("_", " ") for name in names]
    return sheet("corruptions", caption, "corruption", titles, cells, estimates.reset_index(), *notes)


def attackers(evidence: Evidence, facts: Mapping[str, Any], *notes: str) -> Table:
    """AdvProp against attackers of other strength at one size, and vanilla training at that size, without any."""
    strengths = facts["attackers"]
    names = sorted(strengths, key=lambda name: (strengths[name]["eps"], strengths[name]["steps"]))
    settings: dict[str, dict[str, float]] = {
        f"{VANILLA}/{facts['attacked_size']}": {},
        **{n: strengths[n] for n in names},
    }
    keys = [tuple(name.split("/")) for name in settings]
    by_metric = {metric: evidence.estimates(metric) for metric in ("accuracy", "mce")}
    cells = {
        "steps": [f"{one['steps']:g}" if one else "–" for one in settings.values()],
        "accuracy": [cell(by_metric["accuracy"], *key) for key in keys],
        "mCE": [cell(by_metric["mce"], *key, digits=1) for key in keys],
    }
    tested = pd.concat({metric: estimates.loc[keys] for metric, estimates in by_metric.items()}, names=["metric"])
    attacked = pd.DataFrame(
        [{"model": m, "condition": c, **s} for (m, c), s in zip(keys, settings.values(), strict=True)]
    )
    caption = "AdvProp against attackers of other strength, at one size"
    titles = {VANILLA: "none: vanilla", CONTROL: "0: the control", ADVPROP: f"{facts['eps']:.4g}: AdvProp"}
    headings = [
        titles.get(model, f"{one.get('eps', 0):.4g}") for (model, _), one in zip(keys, settings.values(), strict=True)
    ]
    return sheet("attackers", caption, "attacker's eps", headings, cells, tested.reset_index().merge(attacked), *notes)
