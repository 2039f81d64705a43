"""The figures of the study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from friendfoe.report.figures import COLOURS, MARKERS, NEUTRAL, canvas, legend_above
from friendfoe.studies.advprop.names import ADVPROP, ATTACKERS, FINE, METHODS, SHARED, VANILLA

LABELS = {"accuracy": "accuracy, clean images", "mce": "mCE, % of the reference"}


def by_size(estimates: pd.DataFrame, sizes: Sequence[str]) -> Figure:
    """Accuracy and mCE of all methods against size, with intervals."""
    figure = canvas(3.4)
    panels = figure.subplots(1, 2)
    for panel, metric in zip(panels, LABELS, strict=True):
        for number, (method, title) in enumerate(METHODS.items()):
            points = estimates.loc[[(metric, method, size) for size in sizes]]
            shift = (number - (len(METHODS) - 1) / 2) * 0.06  # so that intervals stand side by side
            _line(panel, np.arange(len(sizes)) + shift, points, number, title)
        _size_axis(panel, sizes)
        panel.set_ylabel(LABELS[metric])
    legend_above(figure, panels[0], across=3)
    return figure


def separation(gains: Mapping[str, pd.DataFrame], published: Mapping[str, pd.Series], sizes: Sequence[str]) -> Figure:
    """What separating the batch norms, AdvProp as a whole and a further branch add to the accuracy, by size."""
    figure = canvas(2.8)
    left, right = figure.subplots(1, 2)
    for number, (name, points) in enumerate(gains.items()):
        _line(left, np.arange(len(sizes)) + 0.06 * number, points.loc[list(sizes)], number, name)
        printed = published[name]
        right.plot(range(len(printed)), printed, color=COLOURS[number], marker=MARKERS[number])
    for panel in (left, right):
        panel.axhline(0, color=NEUTRAL, linewidth=0.8)
    _size_axis(left, sizes)
    _size_axis(right, [str(size).upper() for size in published[next(iter(gains))].index])
    left.set_ylabel("gain of accuracy")
    left.set_title("ours", loc="left")
    right.set_title("published: EfficientNets on ImageNet", loc="left")
    legend_above(figure, left, across=3)
    return figure


def corruptions(estimates: pd.DataFrame) -> Figure:
    """A group of bars per corruption, a bar per method."""
    names = list(dict.fromkeys(estimates.index.get_level_values("corruption")))
    figure = canvas(3.6)
    panel = figure.subplots()
    for number, method in enumerate((VANILLA, SHARED, ADVPROP, FINE)):
        points = estimates.loc[[(method, name) for name in names]]
        at = np.arange(len(names)) + (number - 1.5) * 0.2
        bars: dict[str, Any] = {"yerr": _errors(points), "error_kw": {"linewidth": 0.7, "ecolor": NEUTRAL}}
        panel.bar(at, points["mean"], 0.2, color=COLOURS[number], label=METHODS[method], **bars)
    panel.set_xticks(range(len(names)), [name.replace("_", " ") for name in names], rotation=60, ha="right")
    panel.grid(axis="x", visible=False)
    panel.set_ylabel("CE, % of the reference, mean over sizes")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def attackers(estimates: pd.DataFrame, strengths: Mapping[str, Mapping[str, float]], eps: float, steps: int) -> Figure:
    """Accuracy and mCE of AdvProp against the attacker's eps (at the usual steps) and steps (at the usual eps).

    `strengths`: name -> eps and steps; `eps`, `steps`: the usual ones.
    """
    figure = canvas(4.4)
    panels = figure.subplots(2, 2, sharey="row")
    for column, (along, fixed, usual) in enumerate((("eps", "steps", steps), ("steps", "eps", eps))):
        names = [name for name in strengths if np.isclose(strengths[name][fixed], usual)]
        names = sorted(names, key=lambda name: strengths[name][along])
        for row, metric in enumerate(LABELS):
            variants = [(metric, ATTACKERS, name.removeprefix(f"{ATTACKERS}/")) for name in names]
            _line(panels[row, column], [strengths[name][along] for name in names], estimates.loc[variants], row, "")
            panels[row, 0].set_ylabel(LABELS[metric])
    panels[1, 0].set_xlabel(f"eps of the attacker, {steps} steps")
    panels[1, 1].set_xlabel(f"steps of the attacker, eps {eps:g}")
    return figure


def _line(panel: Axes, at: Any, points: pd.DataFrame, number: int, label: str) -> None:
    style: dict[str, Any] = {"color": COLOURS[number], "marker": MARKERS[number], "label": label}
    panel.errorbar(at, points["mean"], yerr=_errors(points), capsize=2, elinewidth=0.8, **style)


def _errors(points: pd.DataFrame) -> np.ndarray:
    """Half widths of the intervals; none where a single replicate has no interval."""
    half = ((points["high"] - points["low"]) / 2).to_numpy()
    return np.where(np.isfinite(half), half, 0.0)


def _size_axis(panel: Axes, sizes: Sequence[str]) -> None:
    panel.set_xticks(range(len(sizes)), [size.replace("-", " ") for size in sizes])
