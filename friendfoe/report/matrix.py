"""A matrix of numbers as a picture: accuracies of classes under attacks, confusions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from friendfoe.report.figures import ON_BRIGHT, ON_DARK
from friendfoe.report.gallery import on_axis

LARGEST = 20  # rows or columns whose cells are labelled
SHORT = 3  # characters of a name that needs no slant


def maps(figure: Figure, panels: Sequence[Axes], tables: Sequence[pd.DataFrame], label: str, **settings: Any) -> None:
    """A `matrix` with its settings in every panel, from tables with headings; and beside them the scale of all."""
    for panel, table in zip(panels, tables, strict=True):
        rows, columns = ([str(name) for name in names] for names in (table.index, table.columns))
        image = matrix(panel, table.to_numpy(float), rows, columns, **settings)
    bar = figure.colorbar(image, ax=list(panels), label=label, fraction=0.03, pad=0.02)
    bar.outline.set_visible(False)


def matrix(
    panel: Axes,
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    most: float = 1.0,
    hidden: NDArray[np.bool_] | None = None,
) -> AxesImage:
    """Draw values [R, C] from 0 (dark) to `most` (bright), each written in its cell, below C headings and beside R.

    Cells without a value stay white; so do the hidden ones, bool [R, C], whose value is written all the same.
    """
    drawn = values if hidden is None else np.where(hidden, np.nan, values)
    image = panel.imshow(drawn, cmap="cividis", vmin=0, vmax=most, aspect="auto")
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    panel.set_yticks(range(len(rows)), on_axis(rows))
    slanted(panel, columns)
    if max(values.shape) > LARGEST:
        return image
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "black" if np.isnan(drawn[row, column]) else ON_BRIGHT if value > 0.55 * most else ON_DARK
            panel.text(column, row, _short(value), ha="center", va="center", fontsize=6.5, color=colour)
    return image


def slanted(panel: Axes, names: Sequence[str]) -> None:
    """Write names below the places 0, 1, 2, ..., at a slant where they are long."""
    at, names = range(len(names)), on_axis(names)
    if max(map(len, names)) <= SHORT:
        panel.set_xticks(at, names)
    else:
        panel.set_xticks(at, names, rotation=40, ha="right", rotation_mode="anchor")


def room(names: Sequence[str]) -> float:
    """Inches that slanted names take below a figure, beyond what those of a few characters do."""
    return 0.045 * max(0, max(map(len, on_axis(names))) - 2 * SHORT)


def _short(value: float) -> str:
    """Two digits without the leading zero, to fit a small cell: ".07", "1", "0"."""
    text = f"{value:.2f}"
    return {"0.00": "0", "1.00": "1"}.get(text, text.removeprefix("0"))
