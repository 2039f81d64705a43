"""The figures that only the assistive study has: gallery and stickers."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from friendfoe.report.figures import FOE, FRIEND, NEUTRAL, canvas, interval_line, legend_above
from friendfoe.report.gallery import Picture, gallery, picture, shortened
from friendfoe.report.matrix import maps
from friendfoe.studies.assistive.tables import LINES

GOALS = {"friend": FRIEND, "foe": FOE, "grey": NEUTRAL}
STYLES = {"best": "o-", "universal": "^-.", "corner": "s--"}
CRAFTED = ("friend", "foe")


def signals(images: NDArray[np.uint8], answers: pd.DataFrame, eps: float) -> Figure:
    """A row per class: clean, signal (magnified by 1 / eps), assisted, attacked; of `analyse.first_of_classes`."""
    at = {(row.row, row.condition): number for number, row in enumerate(answers.itertuples())}
    rows, headings = [], []
    for row in sorted(answers["row"].unique()):
        clean, assisted, attacked = (picture(images, answers, at[row, c]) for c in ("clean", "assist", "attack"))
        change = (assisted.pixels.astype(float) - clean.pixels) / 255 / (eps or 1)
        rows.append([clean, Picture(change.clip(-1, 1)), assisted, attacked])
        headings.append(shortened(str(answers["label"][at[row, "clean"]])))
    magnified = f"signal, ×{1 / eps:.2g}" if eps else "signal"
    return gallery(rows, ["clean", magnified, "assisted", "attacked"], headings)


def sticker_examples(images: NDArray[np.uint8], answers: pd.DataFrame) -> Figure:
    """A row per goal: the clean image, then stickers of growing area, each in its best place; of `sticker.analyse`."""
    pixels = images.shape[2] * images.shape[3]
    rows, headings = [], []
    for goal in CRAFTED:
        part = answers[answers["goal"] == goal].sort_values("side")
        rows.append(_outlined(images, answers, part))
        headings.append(f"{goal}\nlabel: {shortened(str(part['label'].iloc[0]))}")
    return gallery(rows, ["clean", *(f"{side * side / pixels:.1%}" for side in part["side"][1:])], headings)


def class_stickers(images: NDArray[np.uint8], answers: pd.DataFrame) -> Figure:
    """A row per goal: the first image of each class with its class's sticker; of `sticker.analyse`."""
    parts = [answers[answers["goal"] == goal] for goal in CRAFTED]
    rows = [_outlined(images, answers, part) for part in parts]
    return gallery(rows, [shortened(str(label)) for label in parts[0]["label"]], list(CRAFTED))


def _outlined(images: NDArray[np.uint8], answers: pd.DataFrame, part: pd.DataFrame) -> list[Picture]:
    """The images of some rows of the answers, each with its sticker outlined."""
    return [
        replace(picture(images, answers, row), outline=(top, left, side) if side else None)
        for row, top, left, side in part[["top", "left", "side"]].itertuples()
    ]


def sticker_areas(estimates: pd.DataFrame) -> Figure:
    """Accuracy and probability of the true class against the share of the image that the sticker covers (`by_area`)."""
    figure = canvas(3.2)
    measures = {"accuracy": "accuracy", "true": "probability of the true class"}
    for panel, (measure, label) in zip(figure.subplots(1, 2, sharex=True, sharey=True), measures.items(), strict=True):
        for (goal, place), title in LINES.items():
            line = estimates.xs((measure, goal, place), level=("measure", "goal", "place")).reset_index()
            interval_line(panel, line["area"] * 100, line, STYLES[place], GOALS[goal], title)
        panel.axhline(line["mean"].iloc[0], color=NEUTRAL, linewidth=0.8, linestyle=":", label="no sticker")
        panel.set(xlabel="area of the sticker (% of the image)", ylabel=label, ylim=(-0.02, 1.04))
        panel.set_xlim(left=0)
    legend_above(figure, panel, across=4, columnspacing=1.2)
    return figure


def sticker_places(accuracy: Mapping[tuple[str, float], pd.DataFrame]) -> Figure:
    """Accuracy by the place of the sticker (`tables.by_place`), a map per goal and area, all of one scale."""
    areas = list(dict.fromkeys(area for _, area in accuracy))
    figure = canvas(3.1)
    axes = figure.subplots(len(CRAFTED), len(areas), squeeze=False)
    maps(figure, list(axes.ravel()), [*accuracy.values()], "accuracy")
    for panel in axes.ravel():
        panel.set(xticks=[], yticks=[], aspect="equal")
    for panel, area in zip(axes[0], areas, strict=True):
        panel.set_title(f"{area:.1%}")
    for panel, goal in zip(axes[:, 0], CRAFTED, strict=True):
        panel.set_ylabel(goal, color=GOALS[goal], fontweight="bold")
    return figure
