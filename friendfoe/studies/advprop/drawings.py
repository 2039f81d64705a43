"""The figures of the study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendfoe.report.figures import COLOURS, MARKERS, NEUTRAL, bars, canvas, legend_above
from friendfoe.studies.advprop.measurements import against_vanilla
from friendfoe.studies.advprop.names import ADVPROP, CONTROL, FINE, METHODS, SHARED, VANILLA
from friendfoe.studies.evidence import Evidence

LABELS = {"accuracy": "accuracy, clean images", "mce": "mCE, % of the reference"}
GAINS = {  # title -> model, and that which it is compared with
    "AdvProp minus one batch norm": (ADVPROP, SHARED),
    "AdvProp minus vanilla": (ADVPROP, VANILLA),
    "fine-grained minus AdvProp": (FINE, ADVPROP),
}
_DRAWN = [method for method in METHODS if method != CONTROL]
STYLES: Mapping[str, dict[str, Any]] = {
    **{method: {"color": COLOURS[n], "marker": MARKERS[n]} for n, method in enumerate(_DRAWN)},
    CONTROL: {"color": NEUTRAL, "marker": "x", "linestyle": ":"},
}


def by_size(evidence: Evidence, sizes: Sequence[str]) -> Figure:
    """Accuracy and mCE of all methods against size, with intervals."""
    figure = canvas(3.5)
    panels = figure.subplots(1, 2)
    for panel, metric in zip(panels, LABELS, strict=True):
        estimates = evidence.estimates(metric)
        for number, (method, title) in enumerate(METHODS.items()):
            points = estimates.loc[[(method, size) for size in sizes]]
            shift = (number - (len(METHODS) - 1) / 2) * 0.06  # so that intervals stand side by side
            _line(panel, np.arange(len(sizes)) + shift, points, title, **STYLES[method])
        panel.set_xticks(range(len(sizes)), [size.replace("-", " ") for size in sizes])
        panel.set_ylabel(LABELS[metric])
    legend_above(figure, panels[0], across=3)
    return figure


def separation(ours: Evidence, published: pd.DataFrame, sizes: Sequence[str]) -> Figure:
    """What models add to the accuracy of others, by size, on one scale: ours, and what is published.

    `published`: metric, model, condition and value.
    """
    figure = canvas(2.8)
    left, right = figure.subplots(1, 2, sharey=True)
    printed = published.set_index(["metric", "model", "condition"])["value"]
    theirs = [f"b{number}" for number in range(8)]  # of these all that is drawn was printed
    for number, (title, (model, over)) in enumerate(GAINS.items()):
        style = {"color": COLOURS[number], "marker": MARKERS[number]}
        points = ours.estimates(f"accuracy over {over}").loc[[(model, size) for size in sizes]]
        _line(left, np.arange(len(sizes)) + 0.06 * number, points, title, **style)
        right.plot(range(len(theirs)), [printed[f"accuracy over {over}", model, size] for size in theirs], **style)
    for panel, names in ((left, sizes), (right, [size.upper() for size in theirs])):
        panel.axhline(0, color=NEUTRAL, linewidth=0.8)
        panel.set_xticks(range(len(names)), [name.replace("-", " ") for name in names])
    left.set_ylabel("gain of accuracy")
    left.set_title("ours", loc="left")
    right.set_title("published: EfficientNets on ImageNet", loc="left")
    legend_above(figure, left, across=3)
    return figure


def corruptions(estimates: pd.DataFrame) -> Figure:
    """A group of bars per corruption, a bar per method; `estimates` by model and corruption."""
    names = estimates.index.unique("corruption")
    figure = canvas(3.6)
    panel = figure.subplots()
    for number, method in enumerate((VANILLA, SHARED, ADVPROP, FINE)):
        points = estimates.loc[[(method, name) for name in names]]
        at = np.arange(len(names)) + (number - 1.5) * 0.2
        line = {"color": NEUTRAL, "linewidth": 0.7}
        bars(panel, at, points, 0.2, color=STYLES[method]["color"], label=METHODS[method], line=line)
    panel.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], rotation=60, ha="right")
    panel.set_ylabel("CE, % of the reference, mean over sizes")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def attackers(evidence: Evidence, facts: Mapping[str, Any]) -> Figure:
    """Accuracy and mCE of AdvProp against the attacker's eps (at the usual steps) and steps (at the usual eps).

    A line has those of vanilla training at the same size; intervals are those of the differences from it.
    """
    figure = canvas(4.6)
    panels = figure.subplots(2, 2, sharey="row")
    strengths = facts["attackers"]
    for column, (along, fixed) in enumerate((("eps", "steps"), ("steps", "eps"))):
        names = [name for name in strengths if np.isclose(strengths[name][fixed], facts[fixed])]
        names = sorted(names, key=lambda name: strengths[name][along])
        for row, metric in enumerate(LABELS):
            panel, level = panels[row, column], evidence(metric, VANILLA, facts["attacked_size"]).mean
            panel.axhline(level, color=STYLES[VANILLA]["color"], label=METHODS[VANILLA])
            gains = against_vanilla(evidence, metric, names, facts["attacked_size"])
            at = [strengths[name][along] for name in names]
            _line(panel, at, gains[["mean", "low", "high"]] + level, METHODS[ADVPROP], **STYLES[ADVPROP])
            panels[row, 0].set_ylabel(LABELS[metric])
    panels[1, 0].set_xlabel(f"eps of the attacker, {facts['steps']} steps")
    panels[1, 1].set_xlabel(f"steps of the attacker, eps {facts['eps']:g}")
    legend_above(figure, panels[0, 0])
    return figure


def _line(panel: Axes, at: Any, points: pd.DataFrame, label: str, **style: Any) -> None:
    """Means as a line, and their intervals, which a single replicate does not have."""
    lengths = np.array([points["mean"] - points["low"], points["high"] - points["mean"]])
    ends = np.where(np.isfinite(lengths), lengths.clip(0), 0.0)
    panel.errorbar(at, points["mean"], yerr=ends, capsize=2, elinewidth=0.8, label=label, **style)
