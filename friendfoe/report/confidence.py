"""Confidence histograms: a panel per model and condition, right and wrong answers stacked."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from friendfoe.report.figures import FOE, FRIEND, canvas, legend_above

HATCHED: Any = {"facecolor": FOE, "edgecolor": "white", "hatch": "/////", "linewidth": 0}


def confidence(counts: pd.DataFrame, models: Mapping[str, str], conditions: Mapping[str, str]) -> Figure:
    """Share of the test images by confidence, the mean over replicates.

    Args:
        counts: model, condition, replicate, low and high (of the bin), right and wrong (numbers of images).
        models: model -> label of its row.
        conditions: condition -> title of its column.
    """
    figure = canvas(0.7 + 1.45 * len(models))
    axes = figure.subplots(len(models), len(conditions), sharex=True, sharey=True, squeeze=False)
    for row, (model, label) in enumerate(models.items()):
        for column, (condition, title) in enumerate(conditions.items()):
            panel = axes[row, column]
            part = counts[(counts["model"] == model) & (counts["condition"] == condition)]
            bins = part.groupby(["low", "high"])[["right", "wrong"]].sum().reset_index()
            total = bins["right"].sum() + bins["wrong"].sum()
            right, wrong = bins["right"] / total, bins["wrong"] / total
            edges = [*bins["low"], bins["high"].iloc[-1]]
            panel.stairs(right, edges, fill=True, color=FRIEND, label="right")
            panel.stairs(right + wrong, edges, baseline=right, fill=True, label="wrong", **HATCHED)
            panel.text(0.03, 0.92, f"accuracy {right.sum():.3f}", transform=panel.transAxes, va="top", fontsize=7.5)
            panel.set(xlim=(0, 1), ylim=(0, 1))
            if row == 0:
                panel.set_title(title, loc="left")
        axes[row, 0].set_ylabel(f"{label}\nshare of images")
    for panel in axes[-1]:
        panel.set_xlabel("confidence")
    legend_above(figure, axes[0, 0])
    return figure
