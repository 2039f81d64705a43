"""The page of several models side by side, and the files beside it."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from friendfoe.diagnosis.compare import Comparison, in_words
from friendfoe.diagnosis.page import SUMMARY
from friendfoe.diagnosis.result import CLEAN, Kind, within
from friendfoe.report.classwise import MOST, weakest
from friendfoe.report.figures import COLOURS, MARKERS, NEUTRAL, WIDTH, canvas, intervals, legend_above, style
from friendfoe.report.matrix import maps, room
from friendfoe.report.page import PAGE, write_study_page
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Table
from friendfoe.runtime.files import atomic_path

RESULTS, BY_CLASS = "comparison.csv", "classes.csv"
PAIRED = "Differences, paired over images, with 95 % intervals (Agresti & Min 2005): right of zero is better than"


def write(found: Comparison, folder: Path) -> Path:
    """Write everything to a folder.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        RESULTS: found.rows.to_csv(index=False, float_format="%.6g", lineterminator="\n"),
        BY_CLASS: found.by_class.to_csv(index=False, float_format="%.6g", lineterminator="\n"),
        SUMMARY: found.summary() + "\n",
    }
    for name, text in texts.items():
        with atomic_path(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    with style():
        report = StudyReport(folder, "comparison", "comparison")
        names = ", ".join(found.models)
        report.title("Models side by side", f"{names}: {found.budget}.", [], found.budget)
        for text in found.warnings:
            report.text(f"Warning: {text}.")
        report.table(found.table())
        rows = found.uncorrupted
        report.headline(**{f"{row['model']}, {row['condition']}": row["accuracy"] for _, row in rows.iterrows()})
        report.figure(
            "differences",
            differences(found),
            f"{PAIRED} {found.models[0]}",
            f"Differences of accuracy from {found.models[0]}, by condition",
        )
        _classes(report, found)
        _corruptions(report, found)
        report.close()
    write_study_page(folder, template="diagnosis.html", alone=True)
    return folder / PAGE


def differences(found: Comparison) -> Figure:
    """What every model has right more than the first, by condition: a row each, with intervals."""
    rows = found.uncorrupted
    conditions, others = [*rows["condition"].unique()], found.models[1:]
    figure = canvas(0.9 + len(conditions) * (0.16 + 0.12 * len(others)))
    panel = figure.subplots()
    panel.axvline(0, color=NEUTRAL, linewidth=0.8)
    for number, model in enumerate(others):
        own = rows[rows["model"] == model].set_index("condition").loc[conditions]
        at = np.arange(len(conditions)) + (number - (len(others) - 1) / 2) * 0.6 / len(others)
        ends = pd.DataFrame({"low": own["difference_low"], "high": own["difference_high"]})
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        intervals(panel, at, ends, lying=True, color=colour, linewidth=1.6, alpha=0.6)
        panel.plot(own["difference"], at, marker, color=colour, markersize=4.5, label=model)
    panel.set_yticks(range(len(conditions)), conditions)
    panel.set_ylim(len(conditions) - 0.5, -0.5)
    panel.set_xlabel(f"accuracy minus that of {found.models[0]}")
    panel.grid(axis="y", visible=False)
    legend_above(figure, panel, across=3)
    return figure


def heat_maps(found: Comparison, classes: list[str]) -> Figure:
    """Accuracy by class and model: clean, and under what says most of robustness."""
    conditions = list(dict.fromkeys((CLEAN, found.strongest)))
    wide = found.by_class.pivot(index="class", columns=["condition", "model"], values="accuracy")
    figure = canvas(
        1.1 + 0.24 * len(classes) + room(found.models), min(WIDTH, 1.8 + 0.7 * len(conditions) * len(found.models))
    )
    panels = figure.subplots(1, len(conditions), squeeze=False, sharey=True)[0]
    tables = [pd.DataFrame({model: wide[name, model] for model in found.models}).loc[classes] for name in conditions]
    maps(figure, panels, tables, "accuracy")
    for panel, name in zip(panels, conditions, strict=True):
        panel.set_title(name, loc="left")
    return figure


def _classes(report: StudyReport, found: Comparison) -> None:
    rows = found.by_class[found.by_class["condition"] == found.strongest]
    ends, there = rows.groupby("class")["high"].min(), [*rows["class"].unique()]
    shown = weakest(ends, there)
    more = f"; the {MOST} weakest of {len(there)}" if len(there) > MOST else ""
    report.heading("Classes")
    caption = f"Accuracy by class and model{more}"
    report.figure("classes", heat_maps(found, shown), caption, caption)
    by_model = {model: own.set_index("class").loc[there] for model, own in rows.groupby("model", sort=False)}
    sizes = by_model[found.models[0]]["n"].astype(str)
    cells = pd.DataFrame({"images": sizes}, index=pd.Index(there, name="class"))
    for model, own in by_model.items():
        cells[model] = [within(row) for _, row in own.iterrows()]
    for model in found.models[1:]:
        cells[f"{model} minus {found.models[0]}"] = [in_words(row) for _, row in by_model[model].iterrows()]
    note = (
        f"Under {found.strongest}. 95 % intervals, of each class alone: one in twenty of them lies beside the truth by "
        "chance."
    )
    report.table(Table("classes", f"Accuracy by class: {found.strongest}", cells, rows, (note,)))


def _corruptions(report: StudyReport, found: Comparison) -> None:
    rows = found.rows[found.rows["kind"] == Kind.CORRUPTION.value]
    if rows.empty:
        return
    words = rows["condition"].str.rpartition("-")[0]
    errors = (1 - rows["accuracy"]).groupby([words, rows["model"]], sort=False).mean().unstack()[found.models]
    cells = errors.map("{:.3f}".format)
    cells.index = pd.Index([str(word).replace("_", " ") for word in errors.index], name="corruption")
    cells.columns = pd.Index(found.models)
    cells.loc["mean"] = [f"{error:.3f}" for error in errors.mean()]
    if found.mce is not None:
        of_model = found.mce.set_index("model")["mce"]
        cells.loc["mCE"] = [f"{of_model[model]:.1f} %" for model in found.models]
    report.heading("Corruptions")
    note = f"Errors, the mean over severities; mCE is relative to {found.models[0]}."
    report.table(Table("corruptions", "Error under corruptions", cells, rows, (note,)))
