"""Galleries: images in rows and columns, each with what the model answers."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from friendfoe.report.figures import COLOURS, FOE, FRIEND, NEUTRAL, WIDTH, canvas

LONGEST, LONGEST_ON_AXIS, LONGEST_IN_MARGIN = 13, 24, 14  # characters of a class name
PER_INCH, BESIDE_NAME = 20, 12  # characters below a picture, and the width there of what stands beside a name
MARGIN = 0.9  # inches, for the headings of rows
SIDE = 1.15  # inches, at most
OUTLINE = COLOURS[5]  # seen on black as on white


@dataclass(frozen=True)
class Answer:
    """What a model answers on an image: the class, how sure it is, and whether it is right (None: it has no label)."""

    text: str
    confidence: float
    right: bool | None

    def __str__(self) -> str:
        return self.shown()

    def shown(self, longest: int = LONGEST) -> str:
        """As it stands below a picture, with a name of at most so many characters."""
        mark = "" if self.right is None else "✓ " if self.right else "✗ "
        return f"{mark}{shortened(self.text, longest)} ({self.confidence:.0%})"


@dataclass(frozen=True)
class Picture:
    """One picture of a gallery.

    Attributes:
        pixels: an image, uint8 [C, H, W], or a signal, float [C, H, W] in [-1, 1], shown as change around grey.
        answer: below it.
        outline: (top, left, side) of a square in pixels.
    """

    pixels: NDArray[Any]
    answer: Answer | None = None
    outline: tuple[int, int, int] | None = None


def gallery(rows: Sequence[Sequence[Picture]], columns: Sequence[str], headings: Sequence[str]) -> Figure:
    """Pictures in rows with headings, under column titles."""
    _, height, width = rows[0][0].pixels.shape
    side = min(SIDE, (WIDTH - MARGIN) / len(columns))
    figure = canvas(0.3 + len(rows) * (side * height / width + 0.22), MARGIN + side * len(columns))
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for row, pictures in enumerate(rows):
        for panel, picture in zip(axes[row], pictures, strict=True):
            _show(panel, picture, side)
        heading = "\n".join(textwrap.wrap(headings[row], LONGEST_IN_MARGIN)) or headings[row]
        axes[row, 0].set_ylabel(heading, rotation=0, ha="right", va="center", labelpad=6)
    for panel, title in zip(axes[0], columns, strict=True):
        panel.set_title(title)
    return figure


def shortened(name: str, longest: int = LONGEST) -> str:
    """A class name that fits below a picture, or where there is room for more."""
    return name if len(name) <= longest else name[: longest - 1] + "…"


def on_axis(names: Iterable[str]) -> list[str]:
    """Class names that fit beside an axis."""
    return [shortened(name, LONGEST_ON_AXIS) for name in names]


def as_drawn(image: NDArray[Any]) -> NDArray[Any]:
    """An image in [0, 1], [C, H, W], as matplotlib takes it: [H, W, 3]."""
    return np.moveaxis(np.repeat(image, 3 // len(image), axis=0), 0, -1)


def _show(panel: Axes, picture: Picture, side: float) -> None:
    panel.grid(visible=False)
    panel.set(xticks=[], yticks=[])
    for spine in panel.spines.values():
        spine.set(visible=True, color="#b0b0b0", linewidth=0.5)
    pixels = picture.pixels / 255 if picture.pixels.dtype == np.uint8 else (picture.pixels + 1) / 2
    panel.imshow(as_drawn(pixels), interpolation="nearest")
    if picture.answer is not None:
        colour = {True: FRIEND, False: FOE, None: NEUTRAL}[picture.answer.right]
        answer = picture.answer.shown(min(LONGEST, int(side * PER_INCH) - BESIDE_NAME))
        panel.set_xlabel(answer, color=colour, labelpad=2.5, fontsize=7)
    if picture.outline is not None:
        top, left, side = picture.outline
        panel.add_patch(Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=OUTLINE, linewidth=1.6))


def picture(images: NDArray[np.uint8], answers: pd.DataFrame, number: int) -> Picture:
    """One of images uint8 [n, C, H, W] and its answer: of the columns answer, confidence and label."""
    row: dict[Any, Any] = answers.iloc[number].to_dict()
    return Picture(images[number], Answer(str(row["answer"]), row["confidence"], row["answer"] == row["label"]))
