"""What the figures of several studies draw in the same way."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from friendfoe.report.gallery import Answer, Picture


def interval_line(
    panel: Axes, at: ArrayLike, estimates: pd.DataFrame, style: str, colour: str, label: str | None
) -> None:
    """Means as a line, at a place per row; their intervals (low, high) as a band where they are finite."""
    panel.plot(at, estimates["mean"], style, color=colour, label=label)
    if np.isfinite(estimates["low"]).all():
        panel.fill_between(at, estimates["low"], estimates["high"], color=colour, alpha=0.15, linewidth=0)


def legend_above(figure: Figure, panel: Axes, across: int | None = None, **settings: Any) -> None:
    """The legend of a panel above the figure, `across` entries in a row; None: all."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=across or len(labels), **settings)


def picture(images: NDArray[np.uint8], answers: pd.DataFrame, number: int) -> Picture:
    """One image of a gallery (`Results.gallery`) and its answer."""
    row: dict[Any, Any] = answers.iloc[number].to_dict()
    return Picture(images[number], Answer(str(row["answer"]), row["confidence"], row["answer"] == row["label"]))
