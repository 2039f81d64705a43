"""The figures of the class-wise study."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from friendfoe.report.figures import (
    COLOURS,
    FOE,
    FRIEND,
    MARKERS,
    NEUTRAL,
    bars,
    canvas,
    interval_line,
    legend_above,
    log_axis,
)
from friendfoe.report.gallery import on_axis
from friendfoe.report.matrix import maps, slanted
from friendfoe.studies.classwise.names import DEFENCES, MODEL, PRIOR, ROWS, STRONGEST, TEMPERATURES
from friendfoe.studies.classwise.quantities import ACCURACY
from friendfoe.studies.evidence import Evidence, frame

LEAST = 0.08  # share of a class's images from which an arrow is drawn
WIDTH = 9  # points of an arrow for all images of a class
ARROW = "#a0a0a0"
SHAPE: Any = {"connectionstyle": "arc3,rad=0.15", "arrowstyle": "-|>", "mutation_scale": 8, "shrinkA": 15,
              "shrinkB": 15, "alpha": 0.85}  # fmt: skip
KEY = (0.1, 0.3, 0.5)  # shares whose arrows are explained
BARS = {"weakest": ("weakest class", FOE, -0.2), ACCURACY: ("average", FRIEND, 0.2)}  # label, colour and offset


def heat_map(estimates: pd.DataFrame, classes: list[str], titles: Mapping[str, str]) -> Figure:
    """Mean accuracies (by model, condition and class): classes down, attacks across, a panel per defence, one scale."""
    figure = canvas(1.6 + 0.42 * len(classes))
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    tables = []
    for panel, (model, title) in zip(panels, DEFENCES.items(), strict=True):
        mean = estimates.loc[model]["mean"].unstack("condition").reindex(index=classes, columns=list(titles))
        tables.append(mean.rename(columns=titles))
        panel.set_title(title, loc="left")
    maps(figure, list(panels), tables, "accuracy")
    return figure


def sorted_bars(estimates: pd.DataFrame, classes: list[str]) -> Figure:
    """Accuracy under PGD, the classes of each defence from weak to strong, with intervals."""
    figure = canvas(0.6 + 2.0 * 2)
    panels = figure.subplots(2, 2, sharey=True).ravel()
    for panel, (model, title) in zip(panels, DEFENCES.items(), strict=True):
        there = [(model, "pgd", name) for name in classes if (model, "pgd", name) in estimates.index]
        part = estimates.loc[there].sort_values("mean", kind="stable")
        line = {"color": COLOURS[1], "linewidth": 1.6}
        bars(panel, np.arange(len(part)), part, 0.75, color=COLOURS[4], line=line)
        slanted(panel, [str(name) for name in part.index.get_level_values("class")])
        panel.set_title(title, loc="left")
        panel.set_ylim(0, 1)
    for panel in panels[::2]:
        panel.set_ylabel("accuracy under PGD")
    return figure


def confusion_matrix(confusion: pd.DataFrame, classes: list[str]) -> Figure:
    """What the images of each class are taken for under PGD by one model: shares of the class, all replicates."""
    figure = canvas(1.0 + 0.27 * len(classes), 2.5 + 0.42 * len(classes))
    panel = figure.subplots()
    shares, diagonal = _shares(confusion, classes), np.eye(len(classes), dtype=bool)
    wrong = shares.to_numpy()[~diagonal]
    most = float(np.nanmax(wrong)) if np.isfinite(wrong).any() else 1.0
    maps(figure, [panel], [shares], "share of the class", most=most or 1.0, hidden=diagonal)
    panel.set(xlabel="taken for", ylabel="class")
    return figure


def temperature_curve(evidence: Evidence) -> Figure:
    """Average accuracy against 1/T, a line per defence; margin PGD at the right end. Few replicates are drawn."""
    figure = canvas(2.9)
    panels = figure.subplots(1, 2)
    names, places = [*TEMPERATURES, "margin"], [*TEMPERATURES.values(), 150]
    for panel, less in zip(panels, (False, True), strict=True):
        for number, (model, title) in enumerate(DEFENCES.items()):
            plain = evidence(ACCURACY, model, "pgd")
            samples = [evidence(ACCURACY, model, name) - plain * float(less) for name in names]
            line = frame({(name,): one.estimate() for name, one in zip(names, samples, strict=True)}, ["condition"])
            marker, colour, values = MARKERS[number], COLOURS[number], np.stack([one.values for one in samples])
            interval_line(panel, places[:-1], line[:-1], f"{marker}-", colour, title, values[:-1])
            panel.plot(places[-1], line["mean"].iloc[-1], marker, color=colour)
        log_axis(panel, dict(zip([*map(str, places[:-1]), "margin"], places, strict=True)), "1/T")
    panels[0].set_ylabel("accuracy")
    panels[1].set_ylabel("difference from PGD")
    panels[1].axhline(0, color=NEUTRAL, linewidth=0.8, linestyle=":")
    legend_above(figure, panels[0])
    return figure


def homing_graph(confusion: pd.DataFrame, rates: Mapping[str, tuple[float, float, int]], classes: list[str]) -> Figure:
    """Classes on a circle; an arrow for what is turned into what, and on the classes left out how much comes home.

    `confusion` is of one model, all replicates; `rates` are home, control and the images that they rest on, by the
    class that is left out.
    """
    figure = canvas(4.6, 6.4)
    panel = figure.subplots()
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(classes)) / len(classes)
    where = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    shares = _shares(confusion, classes).to_numpy()
    for start, into in np.argwhere((shares >= LEAST) & ~np.eye(len(classes), dtype=bool)):
        arrow = {"linewidth": WIDTH * shares[start, into], "color": FOE if classes[into] in rates else ARROW}
        panel.add_patch(FancyArrowPatch(tuple(where[start]), tuple(where[into]), **arrow, **SHAPE))
    for name, short, (x, y) in zip(classes, on_axis(classes), where, strict=True):
        edge, text = NEUTRAL, short
        if name in rates:
            home, control, images = rates[name]
            at_home = ["–" if np.isnan(share) else f"{share:.0%}" for share in (home, control)]  # of no image, none
            edge, text = FOE, f"{short}\n{at_home[0]} home ({at_home[1]}), n = {images}"
        panel.plot(x, y, "o", markersize=20, color="white", markeredgecolor=edge, markeredgewidth=1.5)
        side = "left" if x > 0.1 else "right" if x < -0.1 else "center"
        panel.text(1.13 * x, 1.15 * y, text, ha=side, va="center", fontsize=7.5)
    largest = confusion.groupby(["class", "replicate"])["n"].sum().groupby(level="class").sum()
    lines = [Line2D([], [], color=ARROW, linewidth=WIDTH * share) for share in KEY]
    counts = f"{largest.min()}–{largest.max()}" if largest.min() < largest.max() else f"{largest.max()}"
    panel.legend(
        lines, [f"{share:.0%}" for share in KEY], loc="lower center", ncols=len(KEY), bbox_to_anchor=(0.5, -0.06),
        title=f"of the images of a class (n = {counts}, all replicates)", title_fontsize=7.5,
    )  # fmt: skip
    panel.set(xlim=(-1.9, 1.9), ylim=(-1.45, 1.35))
    panel.set_axis_off()
    return figure


def before_after(evidence: Evidence, strongest: str) -> Figure:
    """The weakest class and the average under AutoAttack (called `strongest`), each change beside what it changes."""
    groups = [
        ("PGD-AT", {"as it is": "pgd-at", "EMA": "pgd-at-ema", "CFA": "pgd-at-cfa"}),
        ("TRADES", {"as it is": "trades", "EMA": "trades-ema", "CFA": "trades-cfa"}),
        ("PGD-AT, at inference", {"as it is": MODEL, "equal rows": ROWS, "prior": PRIOR}),
    ]
    figure = canvas(2.7)
    panels = figure.subplots(1, len(groups), sharey=True)
    for panel, (title, models) in zip(panels, groups, strict=True):
        for measure, (label, colour, offset) in BARS.items():
            rows = frame(
                {(name,): evidence(measure, name, STRONGEST).estimate() for name in models.values()}, ["model"]
            )
            at, line = np.arange(len(rows)) + offset, {"color": "#303030", "linewidth": 1.4}
            bars(panel, at, rows, 0.36, color=colour, alpha=0.8, label=label, line=line)
        panel.set_xticks(range(len(models)), list(models))
        panel.set_title(title, loc="left")
    panels[0].set(ylabel=f"accuracy under {strongest}", ylim=(0, 1))
    legend_above(figure, panels[0])
    return figure


def _shares(confusion: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """What each class (rows) is taken for (columns), as shares of its images; nan where it has none."""
    counts = confusion.pivot_table(index="class", columns="answer", values="n", aggfunc="sum")
    total = counts.sum(axis=1)
    return counts.div(total.where(total > 0), axis=0).reindex(index=classes, columns=classes)
