"""The figures of the study."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from friendfoe.report.figures import COLOURS, MARKERS, NEUTRAL, canvas, interval_line, log_axis
from friendfoe.report.gallery import gallery, picture, shortened
from friendfoe.studies.distillation.names import CONDITIONS, ENDS, JSMA, UNDISTILLED, confidence, label, temperature

BEFORE = 0.6  # where the undistilled network stands on an axis of temperatures
AXIS: Mapping[str, float] = {"–": BEFORE, **{str(tick): tick for tick in (1, 2, 5, 10, 20, 50, 100)}}
TEMPERATURE = "temperature of distillation (–: undistilled)"
LINES = ("jsma", "jsma-temperature", "jsma-log")


def success(estimates: pd.DataFrame, published: pd.DataFrame, source: str, students: Sequence[str]) -> Figure:
    """Success of JSMA by what it differentiates, and accuracy, against the temperature.

    Of the `published` rows, headed `source`, success on the softmax is drawn; students stand by temperature.
    """
    figure = canvas(3.0)
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    for number, kind in enumerate(LINES):
        _line(left, estimates, ("success", kind), students, number, JSMA[kind])
    points = published[(published["metric"] == "success") & (published["condition"] == "jsma") & published["verified"]]
    points = points[points["table"] != "resilience"]
    at = [temperature(model) for model in points["model"]]
    left.plot(at, points["value"], "x--", color=NEUTRAL, linewidth=0.9, label=f"softmax, {source}")
    left.set(ylabel="success of JSMA", ylim=(-0.03, 1.03))
    _line(right, estimates, ("accuracy", "clean"), students, 3, "accuracy, clean images")
    clean = estimates.loc["accuracy"].xs("clean", level="condition")
    lowest = min(0.9, float(clean["low"].clip(lower=0).min()) - 0.01)
    right.set(ylabel="accuracy", ylim=(lowest, 1.002))
    for panel in (left, right):
        log_axis(panel, AXIS, TEMPERATURE)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def attacks(estimates: pd.DataFrame, students: Sequence[str]) -> Figure:
    """Accuracy under every attack against the temperature."""
    figure = canvas(3.2)
    panel = figure.subplots()
    for number, condition in enumerate(name for name in CONDITIONS if name != "clean"):
        _line(panel, estimates, ("accuracy-crafted", condition), students, number, CONDITIONS[condition])
    panel.set(ylabel="accuracy", ylim=(-0.03, 1.03))
    log_axis(panel, AXIS, TEMPERATURE)
    figure.legend(loc="outside right center")
    return figure


def confidences(estimates: pd.DataFrame, leads: Sequence[float], models: Sequence[str]) -> Figure:
    """Share of transferred images that fool a network against the lead that they were given, a line per network."""
    figure = canvas(2.8)
    panel = figure.subplots()
    for number, model in enumerate(models):
        rows = estimates.loc[[("transferred", model, confidence(lead)) for lead in leads]]
        known = (2 * rows["n"] >= rows["n"].iloc[0]).to_numpy()  # few images can be given a great lead
        at = np.asarray(leads)[known]
        interval_line(panel, at, rows[known], f"{MARKERS[number]}-", COLOURS[number], label(model))
    panel.set(xlabel="lead of the wrong class on the network that they are crafted on", ylabel="share fooled")
    panel.set_ylim(-0.03, 1.03)
    figure.legend(loc="outside right center")
    return figure


def gradients(shares: pd.DataFrame, models: Sequence[str]) -> Figure:
    """A bar per network: share of images by amplitude of the gradient, smallest to the right."""
    figure = canvas(0.9 + 0.26 * len(models))
    panel = figure.subplots()
    tones = np.linspace(0.15, 1, shares.shape[1])
    left = np.zeros(len(models))
    for name, tone in zip(reversed(shares.columns.tolist()), tones, strict=True):
        width = shares.loc[list(models), name].to_numpy()
        colour = (1 - tone, 1 - tone * (1 - 0.45), 1 - tone * (1 - 0.70))
        panel.barh(range(len(models)), width, left=left, color=colour, edgecolor="white", linewidth=0.5, label=name)
        left += width
    panel.set_yticks(range(len(models)), [label(model) for model in models])
    panel.invert_yaxis()
    panel.set(xlim=(0, 1), xlabel="share of images")
    panel.grid(axis="y", visible=False)
    figure.legend(loc="outside right center", title="amplitude")
    return figure


def distances(estimates: pd.DataFrame, students: Sequence[str]) -> Figure:
    """Mean absolute logit and mean distance of CW-L2 against the temperature."""
    figure = canvas(2.6)
    left, right = figure.subplots(1, 2)
    _line(left, estimates, ("logits", "clean"), students, 0)
    left.set(yscale="log", ylabel="mean absolute logit")
    _line(right, estimates, ("distance", "cw-l2"), students, 1)
    right.set_ylabel("mean distance of CW-L2")
    right.set_ylim(bottom=0)
    for panel in (left, right):
        log_axis(panel, AXIS, TEMPERATURE)
    return figure


def jsma_gallery(images: NDArray[np.uint8], answers: pd.DataFrame, titles: Mapping[tuple[str, str], str]) -> Figure:
    """A row per image: the clean one, then what each kind of JSMA made of it on each network."""
    rows, headings = [], []
    for row in sorted(answers["row"].unique()):
        part = answers[answers["row"] == row].reset_index().set_index(["model", "kind"])
        rows.append([picture(images, answers, int(part.loc[[key], "index"].iloc[0])) for key in titles])
        clean, first = (part.loc[[key]].iloc[0] for key in list(titles)[:2])
        headings.append(f"{shortened(str(clean['label']))} → {shortened(str(first['target']))}")
    return gallery(rows, list(titles.values()), headings)


def fooling_gallery(images: NDArray[np.uint8], answers: pd.DataFrame, most: int = 6) -> Figure:
    """A row per network: noise that was driven to each of the first classes."""
    rows, classes = [], [str(name) for name in answers["label"].unique()[:most]]
    for model in ENDS:
        part = answers[(answers["model"] == model) & answers["label"].astype(str).isin(classes)]
        rows.append([picture(images, answers, int(number)) for number in part.index])
    return gallery(rows, [f"towards {shortened(name)}" for name in classes], [label(model) for model in ENDS])


def _line(
    panel: Axes, estimates: pd.DataFrame, key: tuple[str, str], students: Sequence[str], number: int, title: str = ""
) -> None:
    """A measure of the students against T with its interval, and to the left of it the undistilled network's.

    `key`: metric and condition; `number`: of colour and marker.
    """
    (metric, condition), colour, marker = key, COLOURS[number], MARKERS[number]
    keys = [(metric, model, condition) for model in students]
    rows = estimates.loc[[key for key in keys if key in estimates.index]]
    at = [temperature(model) for model in rows.index.get_level_values("model")]
    interval_line(panel, at, rows, f"{marker}-", colour, title or None)
    if (metric, UNDISTILLED, condition) in estimates.index:
        before = estimates.loc[[(metric, UNDISTILLED, condition)]].iloc[0]
        panel.plot(BEFORE, before["mean"], marker, color=colour, markerfacecolor="white")
