"""Galleries: images in rows and columns, each with what the model answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from friendfoe.report.figures import FOE, FRIEND, WIDTH, canvas

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Answer:
    """What a model answers on an image: the class, how sure it is, and whether it is right."""

    text: str
    confidence: float
    right: bool

    def __str__(self) -> str:
        mark = "✓" if self.right else "✗"
        name = self.text if len(self.text) <= 13 else self.text[:12] + "…"
        return f"{mark} {name}  {self.confidence:.0%}"


@dataclass(frozen=True)
class Picture:
    """One image uint8 [C, H, W], or a signal float [C, H, W] in [-1, 1], with the line below it."""

    pixels: NDArray[Any]
    below: Answer | str = ""


def gallery(rows: Sequence[Sequence[Picture]], columns: Sequence[str], headings: Sequence[str]) -> Figure:
    """Pictures in rows with headings, under column titles."""
    across, (_, height, width) = len(columns), rows[0][0].pixels.shape
    side = min(1.35, (WIDTH - 0.9) / across)
    figure = canvas(0.3 + len(rows) * (side * height / width + 0.22))
    axes = figure.subplots(len(rows), across, squeeze=False)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            panel = axes[row, column]
            show(panel, picture)
            if row == 0:
                panel.set_title(columns[column])
        axes[row, 0].set_ylabel(headings[row], rotation=0, ha="right", va="center", labelpad=6)
    return figure


def show(panel: Axes, picture: Picture) -> None:
    """Draw one picture with its line below."""
    panel.grid(visible=False)
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set(visible=True, color="#b0b0b0", linewidth=0.5)
    if picture.pixels.dtype == np.uint8:
        _image(panel, np.moveaxis(picture.pixels, 0, -1), cmap="gray", vmin=0, vmax=255)
    else:
        _image(panel, _signal(picture.pixels), cmap="PuOr", vmin=-1, vmax=1)
    if isinstance(picture.below, Answer):
        colour = FRIEND if picture.below.right else FOE
        panel.set_xlabel(str(picture.below), color=colour, labelpad=2.5, fontsize=7.5)
    elif picture.below:
        panel.set_xlabel(picture.below, labelpad=2.5, fontsize=7.5)


def _signal(change: NDArray[Any]) -> NDArray[Any]:
    """A grey image's change on a two-sided colour scale; the change of a colour image as colours around grey."""
    return np.moveaxis(change, 0, -1) if len(change) == 1 else np.moveaxis((change + 1) / 2, 0, -1)


def _image(panel: Axes, pixels: NDArray[Any], **scale: Any) -> None:
    grey = pixels.shape[-1] == 1
    panel.imshow(pixels[..., 0] if grey else pixels, interpolation="nearest", **(scale if grey else {}))
