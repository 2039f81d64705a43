"""Small reports with whatever pages find hard: hostile names, many classes, an empty table, a study that is missing."""

import pandas as pd

from friendfoe.report.figures import canvas, style
from friendfoe.report.page import write_data_page, write_study_page, write_top_page
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Estimated, Table, estimate

HOSTILE = '<b>&"x"</b>'
CLASSES = 100

ORIGIN = {
    "commit": "0123456789abcdef+",
    "python": "3.11.7",
    "torch": "2.14.1",
    "torchvision": "0.29.1",
    "numpy": "2.4.6",
    "matplotlib": "3.11.2",
    "processor": "AMD <EPYC>",
    "cores": 2,
    "gpu": None,
    "date": "2026-11-26T06:00:00+00:00",
}


def write_reports(root):
    """Two data sets; `fgsm` is missing on the second."""
    write_study(root, "digits", "assistive", ["reproduced", "inconclusive"])
    write_study(root, "digits", "fgsm", ["cannot be tested here", "direction reproduced, smaller than published"])
    write_study(root, "mnist", "assistive", ["contradicted", "inconclusive"])
    for data in ("digits", "mnist"):
        write_data_page(data, root)
    write_top_page(root)


def write_study(root, data, name, verdicts):
    directory = root / data / name
    directory.mkdir(parents=True)
    report = StudyReport(directory, name, data)
    report.title(f"Study of {name} <signals>", "What?", ["Someone 2015, arXiv:1412.6572"], "Mean of 2 replicates.")
    report.text("A paragraph before all headings.")
    report.heading("Tables")
    report.text("A paragraph.")
    report.table(grouped())
    report.table(by_class())
    report.table(wide())
    report.table(empty())
    report.heading("Claims")
    report.claims(*claims(verdicts))
    report.heading("Figures")
    report.heading("Figures")  # a second section of this name
    with style():
        report.figure("plot", canvas(1.0), "A caption.", 'Alt "text"')
        report.shown_above("plot")
        report.provenance(
            ORIGIN, {"clean": {**ORIGIN, "wall_seconds": 12.34, "cpu_seconds": 23.45}}, {"clean": {"eps": 0.25}}
        )
        report.headline(its_gain=0.123456)
        report.close()
    write_study_page(directory)


def estimated(mean, half, images=360):
    interval = (mean, mean - half, mean + half)
    return Estimated(estimate(*interval), interval, images, [mean - half / 2, mean + half / 2])


def grouped():
    columns = pd.MultiIndex.from_tuples([("A", "ours"), ("A", "published"), ("B", "ours")])
    rows = [
        [estimated(0.5, 0.01), "(0.6)", estimated(0.7, float("inf"))],
        [estimated(0.25, 0.02, 0), "–", "–"],
        [estimated(1.5, 0.02), "0.4", estimated(0.1, 0.02)],
    ]
    index = pd.Index(["clean", HOSTILE, "noise, 2"], name="images")
    cells = pd.DataFrame(rows, columns=columns, index=index, dtype=object)
    return Table("grouped", "Ours & published", cells, pd.DataFrame({"x": [1]}), ("a note",), frozenset({(0, 1)}))


def by_class():
    """A row per class, and some columns with their names."""
    names = [HOSTILE, "w" * 60, *(f"class {number}" for number in range(2, CLASSES))]
    columns = {name: [f"0.{number:03d}" for number in range(CLASSES)] for name in names[:5]}
    cells = pd.DataFrame(columns, index=pd.Index(names, name="class"))
    return Table("by-class", f"Each of {CLASSES} classes", cells, cells)


def wide():
    columns = [f"{'adversarially trained, ' * 3}{number}" for number in range(14)]
    cells = pd.DataFrame([[estimated(0.5, 0.01)] * 14], columns=columns, index=pd.Index(["a"], name="on"), dtype=object)
    return Table("wide", "Wide", cells, pd.DataFrame({"x": [1]}))


def empty():
    cells = pd.DataFrame({"accuracy": []}, index=pd.Index([], name="model"), dtype=object)
    return Table("empty", "Nothing at all", cells, cells)


def claims(verdicts):
    columns = ["measured", "claimed", "ours", "published", "verdict"]
    parts = [["gain of B", "above 0", "0.100 ± 0.020", "0.150", verdict] for verdict in verdicts]
    texts = [f"It is number {number} {HOSTILE}" for number, _ in enumerate(verdicts, 1)]
    cells = pd.DataFrame(parts, columns=columns, index=pd.Index(texts, name="claim"))
    numbers = pd.DataFrame({
        "claim": range(1, len(verdicts) + 1), "text": texts, "below": float("inf"), "mean": 0.1, "verdict": verdicts,
    })  # fmt: skip
    cards = [
        {"text": text, "place": "table 1", "verdict": part[-1], "parts": [part]}
        | ({"open": ["gain of B: about 9 replicates would decide it."]} if part[-1] == "inconclusive" else {})
        for text, part in zip(texts, parts, strict=True)
    ]
    return Table("claims", "Claims", cells, numbers), cards
