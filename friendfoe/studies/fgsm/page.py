"""What every section of the report needs."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from friendfoe.report.study import StudyReport
from friendfoe.studies.fgsm import tables
from friendfoe.studies.fgsm.evidence import Evidence
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.results import Results

LARGE = (
    "Under attack, the paper's numbers for adversarial training are of 1600 units per layer; ours are of the small "
    "network."
)


@dataclass(frozen=True)
class Page:
    """The report, and what it is made from.

    Attributes:
        study: the results.
        report: where sections are put.
        facts: as of `friendfoe.studies.facts`.
        measures: ours.
        published: rows of `evidence.theirs`.
        note: the budget, below every table.
    """

    study: Results[Settings]
    report: StudyReport
    facts: dict[str, Any]
    measures: Evidence
    published: pd.DataFrame
    note: str

    def compare(
        self, name: str, caption: str, rows: dict[str, tables.Row], columns: dict[str, tables.Column], *notes: str
    ) -> None:
        """A table of ours and theirs."""
        data = self.study.data
        table = tables.compare(
            name,
            caption,
            self.measures,
            self.published,
            data=data,
            rows=rows,
            columns=columns,
            notes=(*notes, self.note),
        )
        self.report.table(table)
