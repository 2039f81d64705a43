"""The page of a diagnosis, and the files beside it."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from friendfoe.diagnosis.classes import confusion, confusion_table, friends, help_table
from friendfoe.diagnosis.result import CLEAN, WORST, Diagnosis, Kind, ends, in_words, within
from friendfoe.report.classwise import MOST, weakest
from friendfoe.report.figures import WIDTH, canvas, style
from friendfoe.report.gallery import Answer, Picture, gallery, shortened
from friendfoe.report.matrix import maps, room
from friendfoe.report.page import PAGE, write_study_page
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Table
from friendfoe.runtime.files import atomic_path

RESULTS, VERDICTS, SUMMARY, EVALUATION = "results.csv", "verdicts.csv", "summary.md", "evaluation.json"
ACROSS, SHOWN = 7, 6  # pictures in a row of the gallery, and rows
BESIDE = 10  # classes up to which two confusion matrices stand side by side
OTHERS = "(others)"  # answers that are no row of the matrix


def write(found: Diagnosis, folder: Path) -> Path:
    """Write everything to a folder; what is kept there for a run that was killed stays.

    Returns:
        The page.
    """
    texts = {
        RESULTS: found.table.to_csv(index=False, float_format="%.6g", lineterminator="\n"),
        VERDICTS: found.verdicts.to_csv(index=False, lineterminator="\n"),
        SUMMARY: found.summary() + "\n",
        EVALUATION: json.dumps(found.as_json(), indent=1, ensure_ascii=False) + "\n",
    }
    for name, text in texts.items():
        with atomic_path(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    found.ledger.write(folder)
    with style():
        report = StudyReport(folder, found.name, found.name)
        _head(report, found)
        _classes(report, found)
        _confusions(report, found)
        _help(report, found)
        _gallery(report, found)
        _corruptions(report, found)
        _checks(report, found)
        _origin(report, found)
        report.close()
    write_study_page(folder, template="diagnosis.html", alone=True)
    return folder / PAGE


def heat_map(found: Diagnosis) -> Figure:
    """Accuracy by class and condition; of many classes the weakest."""
    conditions = [name for name, kind in found.conditions.items() if kind is not Kind.CORRUPTION]
    table = found.by_class[conditions]
    table = table.loc[_shown_classes(found)]
    figure = canvas(0.9 + 0.24 * len(table) + room(conditions), min(WIDTH, 2.6 + 0.62 * len(conditions)))
    panel = figure.subplots()
    maps(figure, [panel], [table], "accuracy")
    return figure


def _shown_classes(found: Diagnosis) -> list[str]:
    """Those that pictures show, of classes with images: all, or those that are surely the weakest."""
    ends = found.weakest(len(found.classes)).set_index("class")["high"]
    return weakest(ends, [name for name in found.classes if name in found.counts])


def _head(report: StudyReport, found: Diagnosis) -> None:
    report.title(found.name, f"A trained classifier under attack: {found.budget}.", [], found.budget)
    for one in found.findings:
        report.text(f"{'Warning' if one.serious else 'Note'} ({one.name}): {one.text}.")
    report.heading("Conditions")
    rows = found.overall[found.overall["kind"] != Kind.CORRUPTION.value]
    report.headline(**{str(condition): accuracy for condition, accuracy in rows["accuracy"].items()})
    cells = pd.DataFrame(
        {
            "accuracy": [f"{row['accuracy']:.3f}" for _, row in rows.iterrows()],
            "95 % interval": [ends(row["low"], row["high"]) for _, row in rows.iterrows()],
            "right": [f"{row['correct']} of {row['n']}" for _, row in rows.iterrows()],
        },
        index=pd.Index(rows.index, name="condition"),
    )
    notes = ["Wilson's intervals: how well these images stand for all there are, if each is drawn by itself."]
    if found.unequal:
        cells["mean over classes"] = [in_words(*found.over_classes(str(condition))) for condition in rows.index]
        least, most = found.counts.min(), found.counts.max()
        notes.append(
            f"Classes have {least} to {most} images; in the mean over classes each counts as much as the others."
        )
    if WORST in found.conditions:
        notes.append("Worst case: right on an image only where every attack fails on it.")
    if any(kind is Kind.FRIEND for kind in found.kinds.values()):
        notes.append("What helps is computed from the true label: it says nothing about images of unknown class.")
    report.table(Table("accuracy", "Accuracy", cells, found.table[found.table["class"] == ""], tuple(notes)))


def _classes(report: StudyReport, found: Diagnosis) -> None:
    report.heading("Classes")
    lowest = ", ".join(
        f"{row['class']} ({row['accuracy']:.3f}, {row['correct']} of {row['n']})"
        for _, row in found.weakest().iterrows()
    )
    report.text(" ".join([f"Weakest ({found.strongest}): {lowest}.", *found.about_classes()]))
    more = f"; the {MOST} weakest of {len(found.counts)}" if len(found.counts) > MOST else ""
    caption = f"Accuracy by class and condition{more}"
    report.figure("classes", heat_map(found), caption, f"Heat map of accuracies; the weakest classes: {lowest}")
    conditions = [name for name, kind in found.conditions.items() if kind is not Kind.CORRUPTION]
    rows = found.table[found.table["condition"].isin(conditions) & (found.table["class"] != "")]
    order = [*found.counts.index] if len(found.counts) <= MOST else [*found.weakest(len(found.classes))["class"]]
    cells = pd.DataFrame({"images": found.counts[order].astype(str)}, index=pd.Index(order, name="class"))
    for condition in conditions:
        own = rows[rows["condition"] == condition].set_index("class").loc[order]
        cells[condition] = [within(row) for _, row in own.iterrows()]
    notes = ["95 % intervals (Wilson), of each class alone: one in twenty lies beside the truth by chance."]
    if without := len(found.classes) - len(order):
        notes.append(f"{without} of the model's {len(found.classes)} classes have no images here.")
    report.table(Table("classes", "Accuracy by class, with intervals", cells, rows, tuple(notes)))


def _confusions(report: StudyReport, found: Diagnosis) -> None:
    attacks = [name for name, kind in found.kinds.items() if kind is Kind.FOE]
    hardest = min(attacks, key=lambda name: found.right(name).mean(), default=None)
    shown = [CLEAN] if hardest is None else [CLEAN, hardest]
    classes = _shown_classes(found)
    places = [found.classes.index(name) for name in classes]
    tables = []
    for condition in shown:
        share = confusion(found.ledger.answers[condition], found.ledger.labels, len(found.classes))[places]
        table = pd.DataFrame(share[:, places], index=classes, columns=classes)
        if len(classes) < len(found.classes):
            table[OTHERS] = (1 - table.sum(axis=1)).clip(0)
        tables.append(table)
    beside = len(classes) <= BESIDE
    figure = canvas((1.2 + 0.2 * len(classes) + room(classes)) * (1 if beside else len(shown)))
    across = (1, len(shown)) if beside else (len(shown), 1)
    panels = figure.subplots(*across, squeeze=False).flatten().tolist()
    maps(figure, panels, tables, "share of the class")
    for panel, condition in zip(panels, shown, strict=True):
        panel.set_title(condition, loc="left")
        panel.set_xlabel("answer")
    for panel in panels[: 1 if beside else len(panels)]:
        panel.set_ylabel("class")
    report.heading("Confusion")
    caption = "What images of each class (rows) are taken for" + (f": clean, and under {hardest}" if hardest else "")
    if len(classes) < len(found.counts):
        caption += f"; the {len(classes)} weakest of {len(found.counts)} classes"
    report.figure("confusion", figure, caption, caption)
    report.table(confusion_table(found, shown))


def _help(report: StudyReport, found: Diagnosis) -> None:
    for number, friend in enumerate(friends(found)):
        if not number:
            report.heading("What an assistive signal does")
        report.table(help_table(found, friend))


def _gallery(report: StudyReport, found: Diagnosis) -> None:
    columns = [name for name, kind in found.kinds.items() if kind is not Kind.CORRUPTION][:ACROSS]
    pictures = found.ledger.pictures
    rows, headings = [], []
    for number, row in _shown(found):
        rows.append([_picture(found, pictures[name][number], name, row) for name in columns])
        headings.append(found.classes[int(found.ledger.labels[row])])
    report.heading("Gallery")
    attacked = any(kind is Kind.FOE for kind in found.kinds.values())
    text = "Images of the weakest classes, and what is answered"
    text += "; those first that fall to an attack; where one fails the image is shown as it was" if attacked else ""
    figure = gallery(rows, columns, [*map(shortened, headings)])
    report.figure("gallery", figure, text, f"Images of {', '.join(dict.fromkeys(headings))}")


def _shown(found: Diagnosis) -> list[tuple[int, int]]:
    """Number and place of the gallery's pictures: as many of each of the weakest classes, first those that fall."""
    falls = found.right(CLEAN) & ~found.right(found.strongest)
    pictured = sorted(enumerate(found.ledger.pictured()), key=lambda pair: not falls[pair[1]])
    order = [found.classes.index(name) for name in found.weakest(len(found.classes))["class"]]
    by_class = [[pair for pair in pictured if found.ledger.labels[pair[1]] == label] for label in order]
    each = max(1, SHOWN // max(1, sum(map(bool, by_class))))
    return [pair for pairs in by_class for pair in pairs[:each]][:SHOWN]


def _picture(found: Diagnosis, pixels: NDArray[np.uint8], condition: str, row: int) -> Picture:
    answer = int(found.ledger.answers[condition][row])
    sure = float(found.ledger.confidences[condition][row])
    right = answer == int(found.ledger.labels[row])
    return Picture(_drawable(pixels), Answer(found.classes[answer], sure, right))


def _drawable(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images of one or three channels as they are; of others the first channel."""
    return pixels if len(pixels) in (1, 3) else pixels[:1]


def _corruptions(report: StudyReport, found: Diagnosis) -> None:
    names = [name for name, kind in found.kinds.items() if kind is Kind.CORRUPTION]
    if not names:
        return
    words = list(dict.fromkeys(name.rpartition("-")[0] for name in names))
    severities = list(dict.fromkeys(name.rpartition("-")[2] for name in names))
    errors = np.array([[1 - found.right(f"{word}-{severity}").mean() for severity in severities] for word in words])
    cells = pd.DataFrame(
        [[f"{error:.3f}" for error in row] + [f"{row.mean():.3f}"] for row in errors],
        index=pd.Index([word.replace("_", " ") for word in words], name="corruption"),
        columns=[*(f"severity {severity}" for severity in severities), "mean"],
    )
    data = found.table[(found.table["kind"] == Kind.CORRUPTION.value) & (found.table["class"] == "")]
    report.heading("Corruptions")
    notes = (
        f"The mean of all is {errors.mean():.3f}; clean images: {1 - found.right(CLEAN).mean():.3f}. It is not divided "
        "by a reference's; friendfoe evaluate --compare gives mCE relative to the first model.",
    )
    report.table(Table("corruptions", "Error under corruptions", cells, data, notes))


def _checks(report: StudyReport, found: Diagnosis) -> None:
    if found.checks is None:
        return
    report.heading("Is the robustness real?")
    cells = pd.DataFrame(
        {
            "outcome": [check.outcome for check in found.checks],
            "measured": ["; ".join(filter(None, (_listed(one.numbers), one.reason))) for one in found.checks],
        },
        index=pd.Index([f"{check.name}: {check.question}" for check in found.checks], name="check"),
    )
    data = pd.DataFrame(
        [(one.name, one.outcome, what, value) for one in found.checks for what, value in one.numbers.items()],
        columns=["check", "outcome", "measured", "value"],
    )
    failed = frozenset((row, 0) for row, one in enumerate(found.checks) if not one.made)
    notes = ("A failed check does not say that the model is weak, but that its robust accuracy must not be believed.",)
    report.table(Table("checks", "Checks of the gradients", cells, data, notes, failed))


def _origin(report: StudyReport, found: Diagnosis) -> None:
    if found.origin is None:
        return
    settings, by = found.ledger.settings, found.origin
    report.heading("Where it comes from")
    report.text(by["command"])
    report.text(
        f"Evaluated {by['date'][:10]} by commit {(by['commit'] or 'unknown')[:10]} of friendfoe, Python "
        f"{by['python']}, torch {by['torch']}, numpy {by['numpy']}; {by['gpu'] or by['processor']}, {by['cores']} "
        f"cores. Digests: weights {settings['weights']}, images {settings['images']}, code {by['code'][:16]}."
    )


def _listed(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{what} {value:.3g}" for what, value in numbers.items())
