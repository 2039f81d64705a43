"""The tables of the study, ours and the published ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.advprop.measurements import OVER, against_vanilla
from friendfoe.studies.advprop.names import ADVPROP, CONTROL, FINE, METHODS, SHARED, VANILLA, split
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
    """A measure of all methods at all sizes, its mean over them, and how far that is from vanilla training's."""
    estimates, digits = evidence.estimates(metric), 3 if metric == "accuracy" else 1
    gains, columns = evidence.estimates(f"{metric} over {VANILLA}"), [*sizes, OVER]
    cells = {column: [cell(estimates, method, column, digits=digits) for method in METHODS] for column in columns}
    cells["minus vanilla"] = [cell(gains, method, OVER, digits=digits) for method in METHODS]
    parts = {
        metric: estimates.loc[([*METHODS], columns), :],
        f"{metric} over {VANILLA}": gains.loc[(slice(None), [OVER]), :],
    }
    numbers = pd.concat(parts, names=["metric"]).reset_index()
    paired = "Minus vanilla: of the means, paired over replicates and images."
    return sheet(name, caption, "trained by", METHODS.values(), cells, numbers, paired, *notes)


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
    strengths, size = facts["attackers"], facts["attacked_size"]
    names = sorted(strengths, key=lambda name: (strengths[name]["eps"], strengths[name]["steps"]))
    names = [f"{VANILLA}/{size}", *names]
    cells = {"steps": [f"{strengths[name]['steps']:g}" if name in strengths else "–" for name in names]}
    parts: dict[str, pd.DataFrame] = {}
    for metric, title, digits in (("accuracy", "accuracy", 3), ("mce", "mCE", 1)):
        estimates, gains = evidence.estimates(metric), against_vanilla(evidence, metric, names[1:], size)
        cells[title] = [cell(estimates, *split(name), digits=digits) for name in names]
        cells[f"{title}, minus vanilla"] = [cell(gains, *split(name), digits=digits) for name in names]
        parts |= {metric: estimates.loc[[split(name) for name in names]], f"{metric} over {VANILLA}": gains}
    settings = [
        {**strengths.get(name, {}), **dict(zip(("model", "condition"), split(name), strict=True))} for name in names
    ]
    numbers = pd.concat(parts, names=["metric"]).reset_index().merge(pd.DataFrame(settings))
    titles = {VANILLA: "none: vanilla", CONTROL: "0: the control", ADVPROP: f"{facts['eps']:.4g}: AdvProp"}
    headings = [titles.get(split(name)[0]) or f"{strengths[name]['eps']:.4g}" for name in names]
    caption = "AdvProp against attackers of other strength, at one size"
    return sheet("attackers", caption, "attacker's eps", headings, cells, numbers, *notes)
