"""The figures of the class-wise study."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from numpy.typing import NDArray

from friendfoe.evaluation.intervals import wilson
from friendfoe.report.figures import COLOURS, FOE, FRIEND, MARKERS, NEUTRAL, canvas, interval_line, legend_above
from friendfoe.report.gallery import on_axis
from friendfoe.report.matrix import matrix, slanted
from friendfoe.studies.classwise.names import CONDITIONS, DEFENCES, TEMPERATURES
from friendfoe.studies.estimates import over_replicates

LEAST = 0.08  # share of a class's images from which an arrow is drawn
BARS = {"worst": ("weakest class", FOE, -0.2), "average": ("average", FRIEND, 0.2)}  # label, colour and offset


def heat_map(accuracy: pd.Series, classes: list[str]) -> Figure:
    """Mean accuracies (by model, condition and class): classes down, attacks across, a panel per defence."""
    figure = canvas(1.6 + 0.42 * len(classes))
    panels = figure.subplots(2, 2, sharex=True, sharey=True).ravel()
    for panel, (model, title) in zip(panels, DEFENCES.items(), strict=True):
        values = accuracy[model].unstack("condition").reindex(index=classes, columns=list(CONDITIONS)).to_numpy(float)
        matrix(panel, values, classes, list(CONDITIONS.values()))
        panel.set_title(title, loc="left")
    return figure


def sorted_bars(estimates: pd.DataFrame, classes: list[str]) -> Figure:
    """Accuracy under PGD, the classes of each defence from weak to strong, with both intervals."""
    figure = canvas(0.6 + 2.0 * 2)
    panels = figure.subplots(2, 2, sharey=True).ravel()
    for panel, (model, title) in zip(panels, DEFENCES.items(), strict=True):
        part = estimates.loc[[(model, "pgd", name) for name in classes]].sort_values("mean", kind="stable")
        at = np.arange(len(part))
        mean, n = part["mean"].to_numpy(), part["n"].to_numpy()
        panel.bar(at, mean, color=COLOURS[4], width=0.75)
        low, high = wilson(mean * n, n)
        panel.vlines(at - 0.12, low, high, color=NEUTRAL, linewidth=0.8, label="Wilson, one replicate")
        _intervals(panel, at + 0.12, part, color=COLOURS[1], linewidth=2, label="t, over replicates")
        slanted(panel, [str(name) for name in part.index.get_level_values("class")])
        panel.grid(axis="x", visible=False)
        panel.set_title(title, loc="left")
        panel.set_ylim(0, 1)
    for panel in panels[::2]:
        panel.set_ylabel("accuracy under PGD")
    legend_above(figure, panels[0])
    return figure


def confusion_matrix(confusion: pd.DataFrame, classes: list[str]) -> Figure:
    """What the images of each class are taken for under PGD by one model: shares of the class, all replicates."""
    figure = canvas(1.0 + 0.27 * len(classes), 1.9 + 0.42 * len(classes))
    panel = figure.subplots()
    shares = _shares(confusion, classes)
    wrong = shares[~np.eye(len(classes), dtype=bool)]
    most = float(np.nanmax(wrong)) if np.isfinite(wrong).any() else 1.0
    matrix(panel, shares, classes, classes, most=most or 1.0, hidden=np.eye(len(classes), dtype=bool))
    panel.set(xlabel="taken for", ylabel="class")
    return figure


def temperature_curve(average: pd.Series) -> Figure:
    """Average accuracy against 1/T, a line per defence; margin PGD at the right end."""
    figure = canvas(2.9)
    panels = figure.subplots(1, 2)
    names = [*TEMPERATURES, "margin"]
    places = [*TEMPERATURES.values(), 150]
    table = average.unstack("condition")[names]
    for panel, values in zip(panels, (table, table.sub(table["pgd"], axis=0)), strict=True):
        for number, (model, title) in enumerate(DEFENCES.items()):
            line = pd.concat([over_replicates(values.loc[[model], name]) for name in names])
            interval_line(panel, places[:-1], line[:-1], MARKERS[number] + "-", COLOURS[number], title)
            panel.plot(places[-1], line["mean"].iloc[-1], MARKERS[number], color=COLOURS[number])
        panel.set_xscale("log")
        panel.set_xticks(places, [*(str(place) for place in places[:-1]), "margin"])
        panel.minorticks_off()
        panel.set_xlabel("1/T")
    panels[0].set_ylabel("accuracy")
    panels[1].set_ylabel("difference from PGD")
    panels[1].axhline(0, color=NEUTRAL, linewidth=0.8, linestyle=":")
    legend_above(figure, panels[0])
    return figure


def homing_graph(confusion: pd.DataFrame, rates: pd.DataFrame, classes: list[str]) -> Figure:
    """Classes on a circle; an arrow for what is turned into what, and on the classes left out how much comes home.

    `confusion` is of one model, all replicates; `rates` are home and control, means over replicates, by the class that
    is left out.
    """
    figure = canvas(4.6, 6.4)
    panel = figure.subplots()
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(classes)) / len(classes)
    where = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    shares = _shares(confusion, classes)
    for start, into in np.argwhere(shares >= LEAST):
        if start != into:
            left_out = classes[into] in rates.index
            panel.add_patch(
                FancyArrowPatch(
                    tuple(where[start]),
                    tuple(where[into]),
                    connectionstyle="arc3,rad=0.15",
                    arrowstyle="-|>",
                    mutation_scale=8,
                    shrinkA=15,
                    shrinkB=15,
                    linewidth=9 * shares[start, into],
                    color=FOE if left_out else "#a0a0a0",
                    alpha=0.85,
                )
            )
    for name, short, (x, y) in zip(classes, on_axis(classes), where, strict=True):
        edge, text = NEUTRAL, short
        if name in rates.index:
            home, control = (float(rates[column].loc[name]) for column in ("home", "control"))
            at_home = ["–" if np.isnan(share) else f"{share:.0%}" for share in (home, control)]  # of no image, none
            edge, text = FOE, "{}\n{} home ({})".format(short, *at_home)
        panel.plot(x, y, "o", markersize=20, color="white", markeredgecolor=edge, markeredgewidth=1.5)
        side = "left" if x > 0.1 else "right" if x < -0.1 else "center"
        panel.text(1.13 * x, 1.15 * y, text, ha=side, va="center", fontsize=7.5)
    panel.set(xlim=(-1.9, 1.9), ylim=(-1.35, 1.35))
    panel.set_axis_off()
    return figure


def before_after(trained: pd.DataFrame, variants: pd.DataFrame) -> Figure:
    """The weakest class and the average under AutoAttack, each change beside what it changes.

    Estimates by measure, model (of those trained) or variant, and condition.
    """
    groups = [
        ("PGD-AT", [("as it is", trained, "pgd-at"), ("EMA", trained, "pgd-at-ema"), ("CFA", trained, "pgd-at-cfa")]),
        ("TRADES", [("as it is", trained, "trades"), ("CFA", trained, "trades-cfa")]),
        (
            "PGD-AT, at inference",
            [("as it is", variants, "none"), ("equal rows", variants, "rows"), ("prior", variants, "prior")],
        ),
    ]
    figure = canvas(2.7)
    panels = figure.subplots(1, len(groups), sharey=True)
    for panel, (title, bars) in zip(panels, groups, strict=True):
        for measure, (label, colour, offset) in BARS.items():
            rows = pd.concat([table.loc[[(measure, name, "autoattack")]] for _, table, name in bars])
            _bars(panel, rows, offset, colour, label)
        panel.set_xticks(range(len(bars)), [label for label, _, _ in bars])
        panel.grid(axis="x", visible=False)
        panel.set_title(title, loc="left")
    panels[0].set(ylabel="accuracy under AutoAttack", ylim=(0, 1))
    legend_above(figure, panels[0])
    return figure


def _bars(panel: Axes, rows: pd.DataFrame, offset: float, colour: str, label: str) -> None:
    at = np.arange(len(rows)) + offset
    panel.bar(at, rows["mean"].to_numpy(), width=0.36, color=colour, alpha=0.8, label=label)
    _intervals(panel, at, rows, color="#303030", linewidth=1.4)


def _intervals(panel: Axes, at: NDArray[Any], rows: pd.DataFrame, **style: Any) -> None:
    """Those of a single replicate, which are not finite, are left out."""
    finite = np.isfinite(rows["low"].to_numpy())
    low, high = rows[["low", "high"]].to_numpy()[finite].clip(0, 1).T
    panel.vlines(at[finite], low, high, **style)


def _shares(confusion: pd.DataFrame, classes: list[str]) -> NDArray[np.float64]:
    """What each class (rows) is taken for (columns), as shares of its images; nan where it has none."""
    counts = confusion.pivot_table(index="class", columns="answer", values="n", aggfunc="sum")
    total = counts.sum(axis=1)
    shares: NDArray[np.float64] = (
        counts.div(total.where(total > 0), axis=0).reindex(index=classes, columns=classes).to_numpy(float)
    )
    return shares
