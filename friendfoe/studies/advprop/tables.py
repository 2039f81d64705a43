"""The tables of the study, ours and the published ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.advprop.measurements import OVER, against_vanilla
from friendfoe.studies.advprop.names import ADVPROP, CONTROL, FINE, METHODS, SHARED, VANILLA, split
from friendfoe.studies.advprop.settings import Settings
from friendfoe.studies.estimates import cell, over_replicates
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.results import Results
from friendfoe.studies.tables import table

CLEANLY = (VANILLA, CONTROL, SHARED, ADVPROP, FINE)
"""Methods whose training curve is of clean images."""
CURVES = {"training images": "accuracy", "test images": "test_accuracy"}
"""Their columns, by what they are of."""


def by_size(metric: str, evidence: Evidence, sizes: Sequence[str]) -> Table:
    """A measure of all methods at all sizes, its mean over them, and how far that is from vanilla training's."""
    estimates, digits = evidence.estimates(metric), 3 if metric == "accuracy" else 1
    gains, columns = evidence.estimates(f"{metric} over {VANILLA}"), [*sizes, OVER]
    cells = {column: [cell(estimates, method, column, digits=digits) for method in METHODS] for column in columns}
    cells["minus vanilla"] = [cell(gains, method, OVER, digits=digits) for method in METHODS]
    parts = {
        metric: estimates.loc[([*METHODS], columns), :],
        f"{metric} over {VANILLA}": gains.loc[(slice(None), [OVER]), :],
    }
    return table("trained by", METHODS.values(), cells, pd.concat(parts, names=["metric"]).reset_index())


def regime(study: Results[Settings], sizes: Sequence[str]) -> Table:
    """Accuracy on the training images in the last epoch, and on test images after it: whether networks overfit."""
    values = {
        (on, method, size): curve.groupby("replicate")[column].last()
        for method in CLEANLY
        for size in sizes
        for curve in [study.curve(f"{method}/{size}")]
        for on, column in CURVES.items()
    }
    estimates = over_replicates(pd.concat(values, names=["on", "method", "size"]))
    cells = {(size, on): [cell(estimates, on, method, size) for method in CLEANLY] for size in sizes for on in CURVES}
    return table("trained by", [METHODS[method] for method in CLEANLY], cells, estimates.reset_index())


def published(rows: pd.DataFrame) -> Table:
    """One of the source's tables: methods down, what they were asked across."""
    several = rows["data"].nunique() > 1
    columns = rows["data"] + ", " + rows["metric"] if several else rows["condition"]
    texts = {
        (column, row.model): f"{row.value:.1f}" if row.metric == "mce" else f"{row.value:.3f}"
        for column, row in zip(columns, rows.itertuples(), strict=True)
    }
    methods = [method for method in METHODS if method in set(rows["model"])]
    cells = {column: [texts.get((column, method), "–") for method in methods] for column in columns.unique()}
    return table("trained by", [METHODS[method] for method in methods], cells, rows)


def corruptions(estimates: pd.DataFrame) -> Table:
    """CE under every corruption, mean over sizes, by model and corruption."""
    names = estimates.index.unique("corruption")
    cells = {title: [cell(estimates, method, name, digits=1) for name in names] for method, title in METHODS.items()}
    return table("corruption", [name.replace("_", " ") for name in names], cells, estimates.reset_index())


def attackers(evidence: Evidence, facts: Mapping[str, Any]) -> Table:
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
    return table("attacker's eps", headings, cells, numbers)
