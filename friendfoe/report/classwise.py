"""Class-wise accuracy: a row per class, a panel per condition, a marker per model."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from friendfoe.report.figures import COLOURS, MARKERS, canvas, intervals, legend_above
from friendfoe.report.gallery import on_axis

MOST = 20  # rows


def classwise(
    estimates: pd.DataFrame, models: Mapping[str, str], conditions: Mapping[str, str], classes: list[str]
) -> Figure:
    """Markers: means over replicates; bars: their 95 % intervals.

    Args:
        estimates: mean, low and high, indexed by model, condition and class.
        models: model -> label.
        conditions: condition -> panel title.
        classes: which, top to bottom.
    """
    figure = canvas(0.9 + len(classes) * (0.09 + 0.09 * len(models)))
    panels = figure.subplots(1, len(conditions), sharey=True, sharex=True, squeeze=False)[0]
    rows = np.arange(len(classes))
    for panel, (condition, title) in zip(panels, conditions.items(), strict=True):
        panel.set_title(title, loc="left")
        panel.set(xlim=(-0.03, 1.03), xlabel="accuracy")
        panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
        panel.grid(axis="y", visible=False)
        panel.tick_params(axis="y", length=0)
        for row in rows[1::2]:
            panel.axhspan(row - 0.5, row + 0.5, color="#f3f3f3", linewidth=0, zorder=0)
        for number, (model, label) in enumerate(models.items()):
            keys = [(model, condition, name) for name in classes]
            part = estimates.reindex(pd.MultiIndex.from_tuples(keys))  # a class without images has no estimate
            at = rows + (number - (len(models) - 1) / 2) * 0.24
            intervals(panel, at, part, lying=True, color=COLOURS[number], linewidth=1.6, alpha=0.6)
            panel.plot(part["mean"], at, MARKERS[number], color=COLOURS[number], markersize=4, label=label)
    panels[0].set_yticks(rows, on_axis(classes))
    panels[0].set_ylim(len(classes) - 0.5, -0.5)
    legend_above(figure, panels[0])
    return figure


def weakest(estimates: pd.Series, classes: list[str]) -> list[str]:
    """At most `MOST` classes: all in their order, or those with the lowest mean accuracy (`estimates` by class)."""
    if len(classes) <= MOST:
        return classes
    return list(estimates.sort_values(kind="stable").index[:MOST])
