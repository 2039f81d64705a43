"""The figures that only the assistive study has: gallery and stickers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from friendfoe.report.figures import FOE, FRIEND, NEUTRAL, canvas
from friendfoe.report.gallery import Answer, Picture, gallery

GOALS = {"friend": FRIEND, "foe": FOE}


def signals(images: NDArray[np.uint8], answers: pd.DataFrame, eps: float) -> Figure:
    """A row per class: clean, signal (magnified by 1 / eps), assisted, attacked."""
    at = {(row.row, row.condition): number for number, row in enumerate(answers.itertuples())}
    rows, headings = [], []
    for row in sorted(answers["row"].unique()):
        pictures = {c: _picture(images, answers, at[row, c]) for c in ("clean", "assist", "attack")}
        change = pictures["assist"].pixels.astype(np.float64) - pictures["clean"].pixels
        signal = Picture((change / 255 / eps).clip(-1, 1) if eps else change)
        rows.append([pictures["clean"], signal, pictures["assist"], pictures["attack"]])
        headings.append(str(answers["label"][at[row, "clean"]]))
    magnified = f"signal, ×{1 / eps:.3g}" if eps else "signal"
    return gallery(rows, ["clean", magnified, "assisted", "attacked"], headings)


def sticker_examples(images: NDArray[np.uint8], answers: pd.DataFrame, areas: dict[int, float]) -> Figure:
    """A row per goal: the clean image, then stickers of growing area, each in its best place."""
    rows, headings = [], []
    for goal in GOALS:
        part = answers[answers["goal"] == goal].sort_values("side")
        rows.append([_picture(images, answers, number) for number in part.index])
        headings.append(f"{goal}\n(label: {part['label'].iloc[0]})")
    return gallery(rows, ["clean" if not area else f"{area:.1%}" for area in areas.values()], headings)


def sticker_areas(estimates: pd.DataFrame) -> Figure:
    """Accuracy and probability of the true class against the share of the image that the sticker covers.

    Args:
        estimates: mean, low, high indexed by measure ("accuracy", "true"), goal, place ("clean", "corner", "best") and
            area.
    """
    figure = canvas(2.9)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for panel, (measure, label) in zip(
        panels, {"accuracy": "accuracy", "true": "probability of the true class"}.items(), strict=True
    ):
        for goal, colour in GOALS.items():
            for place, style, mark in (("best", "-", "o"), ("corner", "--", "s")):
                _line(panel, estimates.loc[(measure, goal)], place, colour, style, mark, f"{goal}, {_PLACES[place]}")
        clean = estimates.loc[(measure, "foe", "clean", 0.0), "mean"]
        panel.axhline(clean, color=NEUTRAL, linewidth=0.8, linestyle=":", label="no sticker")
        panel.set_xlabel("area of the sticker (% of the image)")
        panel.set_ylabel(label)
        panel.set_ylim(-0.02, 1.04)
        panel.set_xlim(left=0)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=5, columnspacing=1.2)
    return figure


_PLACES = {"best": "best place", "corner": "corner"}


def _line(panel: Axes, part: pd.DataFrame, place: str, colour: str, style: str, mark: str, label: str) -> None:
    rows = pd.concat([part.loc["clean"], part.loc[place]])
    area = rows.index.to_numpy(dtype=float) * 100
    panel.plot(area, rows["mean"], style, marker=mark, color=colour, label=label)
    low, high = rows["low"].to_numpy(dtype=float), rows["high"].to_numpy(dtype=float)
    if np.isfinite(low).all():
        panel.fill_between(area, low.clip(0, 1), high.clip(0, 1), color=colour, alpha=0.15, linewidth=0)


def sticker_places(accuracy: pd.DataFrame) -> Figure:
    """Accuracy by the place of the sticker, a map per goal and area.

    Args:
        accuracy: goal, area, top, left, accuracy (mean over replicates).
    """
    areas = sorted(accuracy["area"].unique())
    figure = canvas(3.1)
    axes = figure.subplots(len(GOALS), len(areas), squeeze=False)
    for row, goal in enumerate(GOALS):
        for column, area in enumerate(areas):
            panel = axes[row, column]
            part = accuracy[(accuracy["goal"] == goal) & (accuracy["area"] == area)]
            grid = part.pivot(index="top", columns="left", values="accuracy").to_numpy()
            panel.imshow(grid, cmap="cividis", vmin=0, vmax=1)
            for (top, left), value in np.ndenumerate(grid):
                colour = "black" if value > 0.55 else "white"
                panel.text(left, top, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
            panel.set_xticks([])
            panel.set_yticks([])
            panel.grid(visible=False)
            if row == 0:
                panel.set_title(f"{area:.1%}")
        axes[row, 0].set_ylabel(goal, color=GOALS[goal], fontweight="bold")
    return figure


def _picture(images: NDArray[np.uint8], answers: pd.DataFrame, number: int) -> Picture:
    row = answers.loc[number]
    answer = Answer(str(row["answer"]), float(row["confidence"]), bool(row["answer"] == row["label"]))
    return Picture(images[number], answer)
