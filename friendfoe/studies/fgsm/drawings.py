"""The figures of the FGSM study."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from friendfoe.report.figures import COLOURS, MARKERS, NEUTRAL, canvas, interval_line, legend_above
from friendfoe.report.gallery import Answer, Picture, as_drawn, gallery, on_axis, shortened
from friendfoe.report.matrix import maps
from friendfoe.studies.fgsm.names import HARDENED, at

ACROSS = 20  # filters in a row
STYLES = ("-", "--", "-.", ":")


def panda(images: NDArray[np.uint8], answers: pd.DataFrame) -> Figure:
    """A row per class: the image, the signs of the perturbation alone, and the least change that is answered wrongly.

    The gallery is that of `pictures.least_changes`.
    """
    rows, headings = [], []
    for _, part in answers.groupby("row"):
        rows.append([_picture(images[number], answers.iloc[number]) for number in part.index])
        levels = int(part["levels"].iloc[0])
        headings.append(f"{shortened(str(part['label'].iloc[0]))}\neps {levels}/255")
    return gallery(rows, ["x", "sign(gradient)", "x + eps · sign"], headings)


def by_eps(estimates: pd.DataFrame, shares: Sequence[float], eps: float, models: Mapping[str, str]) -> Figure:
    """Error and confidence against eps, a line per model with its label; and the error under one step and many.

    `estimates` are those of `FgsmPage`, `shares` those of eps; the eps of training is marked.
    """
    figure = canvas(3.3)
    panels = figure.subplots(1, 3, sharex=True, sharey=True)
    styles = {name: (f"{MARKERS[number]}-", COLOURS[number]) for number, name in enumerate(models)}
    for panel, metric in zip(panels, ("error", "confidence"), strict=False):
        for name, title in models.items():
            line = estimates.loc[[(metric, name, at("fgsm", share)) for share in shares]]
            interval_line(panel, [share * eps for share in shares], line, *styles[name], title)
        panel.set_title("one step, unclipped", loc="left")
        panel.set_ylabel(metric if metric == "error" else "mean confidence")
    moved = [share for share in shares if share > 0]
    for name in HARDENED:
        marker, colour = styles[name]
        for attack, dashes in (("one-step", ":"), ("pgd", "-")):
            line = estimates.loc[[("error", name, at(attack, share)) for share in moved]]
            interval_line(panels[2], [share * eps for share in moved], line, f"{marker[0]}{dashes}", colour, None)
        worst = estimates.loc[("error", name, "autoattack"), "mean"]
        panels[2].plot([eps], [worst], "*", markersize=10, color=colour, markeredgecolor="black", markeredgewidth=0.6)
    for mark, title in ((":", "one step"), ("-", "PGD"), ("*", "AutoAttack")):
        panels[0].plot([], [], mark, color=NEUTRAL, markersize=8, label=f"clipped: {title}")
    panels[2].set_title("many steps, clipped", loc="left")
    panels[2].set_ylabel("error")
    for panel in panels:
        panel.axvline(eps, color=NEUTRAL, linestyle="--", linewidth=0.9, zorder=0)
        panel.set(xlabel="eps (dashed: that of training)", ylim=(-0.02, 1.04))
    legend_above(figure, panels[0], across=3)
    return figure


def logits(arrays: Mapping[str, NDArray[Any]], classes: list[str], size: float) -> Figure:
    """Logits of one image against eps, of its label and at most nine other classes; and the image at some of these eps.

    `arrays`: eps [P], logits [P, K], image uint8 [C, H, W], signs int8 [C, H, W], label [1]; `size`: eps of the study,
    shaded.
    """
    eps, lines, label = arrays["eps"], arrays["logits"], int(arrays["label"][0])
    names = on_axis(classes)
    figure = canvas(4.1)
    grid = figure.add_gridspec(2, 9, height_ratios=(3.2, 1))
    panel = figure.add_subplot(grid[0, :])
    others = [k for k in np.argsort(-lines.max(0)) if k != label][:9]
    for number, k in enumerate(sorted(others)):
        style = STYLES[number // len(COLOURS)]
        panel.plot(eps, lines[:, k], style, color=COLOURS[number % len(COLOURS)], linewidth=1, label=names[k])
    panel.plot(eps, lines[:, label], color="black", linewidth=2.2, label=f"{names[label]} (label)")
    panel.axvspan(-size, size, color=NEUTRAL, alpha=0.25, linewidth=0)
    panel.set(xlabel="eps", ylabel="logit")
    # its own choice would leave out names that begin with an underscore
    panel.legend(
        panel.lines,
        [str(line.get_label()) for line in panel.lines],
        ncols=1,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )
    for place, e in enumerate(np.linspace(eps[0], eps[-1], 9)):
        picture = figure.add_subplot(grid[1, place])
        picture.imshow(as_drawn((arrays["image"] / 255 + e * arrays["signs"]).clip(0, 1)), interpolation="nearest")
        picture.set(xticks=[], yticks=[])
        picture.grid(visible=False)
        picture.set_xlabel(f"{e:+.3g}", fontsize=7)
    return figure


def filters(arrays: Mapping[str, NDArray[Any]], titles: Mapping[str, str]) -> Figure:
    """First-layer filters [n, C, H, W], a block per model, each scaled to its own largest weight; grey is zero."""
    down = max(-(-len(weights) // ACROSS) for weights in arrays.values())
    figure = canvas(0.5 + len(titles) * (0.25 + 0.36 * down))
    blocks: Any = figure.subfigures(len(titles), 1)
    for block, (model, title) in zip(blocks, titles.items(), strict=True):
        block.suptitle(title, fontsize=8.5, fontweight="bold")
        axes = block.subplots(down, ACROSS, squeeze=False).ravel()
        for panel in axes:
            panel.set_axis_off()
        for panel, weights in zip(axes, arrays[model], strict=False):
            scaled = weights / (np.abs(weights).max() or 1)
            panel.imshow(as_drawn((scaled + 1) / 2), interpolation="nearest")
    return figure


def fooling(images: NDArray[np.uint8], rows: pd.DataFrame) -> Figure:
    """Noise after one step towards each class, with the probability of that class; right where it is above a half."""
    pictures = [
        Picture(image, Answer(str(name), after, after > 0.5))
        for image, name, after in zip(images, rows["class"], rows["after"], strict=True)
    ]
    down = 2 if len(pictures) % 2 == 0 else 1
    across = len(pictures) // down
    split = [pictures[row * across : (row + 1) * across] for row in range(down)]
    return gallery(split, [""] * across, [""] * down)


def heat(cells: pd.DataFrame) -> Figure:
    """Errors (mean) of models (columns) on examples of others (source, rows) as a map, by their names in params."""
    grid = cells.pivot(index="source", columns="model", values="mean")
    grid = grid.loc[cells["source"].unique(), cells["model"].unique()]
    figure = canvas(1.5 + 0.34 * len(grid))
    panel = figure.subplots()
    maps(figure, [panel], [grid], "error")
    panel.set_ylabel("examples of")
    return figure


def _picture(image: NDArray[np.uint8], row: pd.Series) -> Picture:
    right = None if row["part"] == "signs" else bool(row["answer"] == row["label"])
    return Picture(image, Answer(str(row["answer"]), row["confidence"], right))
