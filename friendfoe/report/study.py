"""The report of one study as files: tables, figures, claims, and `study.json`, which says how a page shows them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from friendfoe.report import figures, tables
from friendfoe.report.tables import Table
from friendfoe.runtime.forks import Task, background

FILE = "study.json"
METRICS = "metrics.json"
JUDGED = "over replicates and images"  # what verdicts rest on; reports of earlier versions do not say it


class StudyReport:
    """Collects what a study shows, in the order in which a page shows it, and writes it into an empty directory."""

    def __init__(self, directory: Path, name: str, data: str) -> None:
        self.directory = directory
        self.head: dict[str, Any] = {"study": name, "data": data, "claims": []}
        self.blocks: list[dict[str, Any]] = []
        self._figures: list[Task] = []
        self._headline: dict[str, float] = {}

    def title(self, title: str, question: str, sources: list[str], budget: str) -> None:
        """What the study is called and asks, whose it is, and what our numbers rest on."""
        self.head |= {"title": title, "question": question, "sources": sources, "budget": budget}

    def shown_above(self, figure: str) -> None:
        """The figure that stands for the study on the page of all data sets."""
        self.head["figure"] = figure

    def heading(self, text: str) -> None:
        """Begin a section."""
        self.blocks.append({"kind": "heading", "text": text})

    def text(self, text: str) -> None:
        """A paragraph."""
        self.blocks.append({"kind": "text", "text": text})

    def table(self, table: Table, kind: str = "table") -> None:
        """A table, written as CSV, Markdown and LaTeX."""
        tables.write(table, self.directory / "tables")
        self.blocks.append({"kind": kind, **tables.as_json(table)})

    def explorer(self, explorer: dict[str, Any], caption: str, notes: Sequence[str]) -> None:
        """Images to look through, as `friendfoe.report.explorer` packs them."""
        self.blocks.append({"kind": "explorer", "caption": caption, "notes": list(notes), **explorer})

    def numbers(self, name: str, data: pd.DataFrame) -> None:
        """Numbers for machines, written as CSV and not shown."""
        tables.write_numbers(data, self.directory / "tables", name)

    def figure(self, name: str, figure: Figure, caption: str, alt: str) -> None:
        """A figure, written as SVG; `alt` says what it shows to who cannot see it."""
        path = self.directory / "figures" / f"{name}.svg"
        path.parent.mkdir(exist_ok=True)
        self._figures.append((name, lambda send: figures.save(figure, path)))
        self.blocks.append({"kind": "figure", "name": name, "caption": caption, "alt": alt})

    def claims(self, table: Table, cards: list[dict[str, Any]]) -> None:
        """The verdicts: a table, and of every claim text, place, verdict and parts for the page."""
        self.head |= {"claims": cards, "judged": JUDGED}
        self.table(table, kind="claims")

    def headline(self, **numbers: float) -> None:
        """The few numbers that `dvc exp show` and `dvc metrics diff` compare runs by; names unlike other studies'."""
        self._headline |= {name: round(float(number), 4) for name, number in numbers.items()}

    def provenance(self, drawn: dict[str, Any], models: dict[str, Any], plan: dict[str, Any]) -> None:
        """Where the report comes from.

        That is the code, versions and hardware (`friendfoe.runtime.provenance.origin`) that drew it; the same of every
        model, with the seconds that its replicates took together; and every job of the study, by name.
        """
        self.head["provenance"] = {"drawn": drawn, "models": models, "plan": plan}

    def close(self) -> None:
        """Save the figures, side by side, and write `study.json` and `metrics.json`."""
        background(self._figures)
        self._write(FILE, {**self.head, "headline": self._headline, "blocks": self.blocks})
        self._write(METRICS, {self.head["data"]: self._headline})  # a name of its own for each data set

    def _write(self, name: str, content: dict[str, Any]) -> None:
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (self.directory / name).write_text(text + "\n", encoding="utf-8")
