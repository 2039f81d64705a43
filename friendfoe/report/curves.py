"""Training curves: one panel per model, one line per replicate."""

from collections.abc import Mapping
from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure

from friendfoe.report.figures import COLOURS, canvas, legend_above

ACROSS = 3  # panels
LONGEST = 30  # characters of a title's line: more reach into the next panel


def training_curves(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Accuracy against epochs: on the model's own training images while it learns, and on clean test images.

    Each curve, by the title of its panel, has the columns replicate, epoch, accuracy and test_accuracy.
    """
    down = -(-len(curves) // ACROSS)
    figure = canvas(0.5 + 1.75 * down)
    axes = figure.subplots(down, ACROSS, sharex=True, sharey=True, squeeze=False).ravel()
    for number, (panel, (title, curve)) in enumerate(zip(axes, curves.items(), strict=False)):
        panel.set_title(fill(title, LONGEST), loc="left")
        for column, colour, style in (("accuracy", COLOURS[1], "--"), ("test_accuracy", COLOURS[0], "-")):
            for _, run in curve.groupby("replicate"):
                panel.plot(run["epoch"], run[column], style, color=colour, linewidth=0.6, alpha=0.55)
            mean = curve.groupby("epoch")[column].mean()
            mark = "o" if len(mean) <= 10 else ""
            panel.plot(mean.index, mean, style, marker=mark, markersize=3, color=colour, label=column)
        if number % ACROSS == 0:
            panel.set_ylabel("accuracy")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.xaxis.set_tick_params(labelbottom=number + ACROSS >= len(curves))
        if number + ACROSS >= len(curves):
            panel.set_xlabel("epoch")
    for panel in axes[len(curves) :]:
        panel.set_axis_off()
    legend_above(figure, axes[0], ["own training images (while learning)", "clean test images"])
    return figure
