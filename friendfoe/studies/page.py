"""The report of a study while it is written, with what every section of it needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic

import pandas as pd

from friendfoe.report.curves import training_curves
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Table
from friendfoe.studies.budget import budget, model_table
from friendfoe.studies.claims import Claim, Judgement, judge
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.published import heading, verified
from friendfoe.studies.results import Results, S
from friendfoe.studies.verdicts import verdict_cards, verdict_table

CURVES = "Accuracy while training; thin lines are replicates, thick ones their mean. The test images choose nothing."
PANELS = "Training curves, a panel per model: accuracy on its own training images and on clean test images by epoch."


@dataclass(frozen=True)
class Page(Generic[S]):
    """A report, and what it is made from."""

    study: Results[S]
    report: StudyReport  # where sections are put
    pixels: str = "perturbed images rounded to 8 bits"  # on which images accuracies are counted

    def begin(self, title: str, question: str, definition: str, sources: list[str]) -> None:
        """What the study is called and asks, what its words mean, and whose it is."""
        self.report.title(title, question, sources, self.note)
        self.report.text(definition)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the analysis says of the data set and the models."""
        return self.study.facts()

    @cached_property
    def note(self) -> str:
        """What the numbers rest on."""
        return budget(self.study.data, self.facts, self.pixels)

    def table(self, table: Table) -> None:
        """A table, and below it what its numbers rest on."""
        self.report.table(replace(table, notes=(*table.notes, self.note)))

    def verdicts(
        self, claims: Iterable[Claim], evidence: Evidence, published: pd.DataFrame, *notes: str
    ) -> list[Judgement]:
        """The verdicts on claims from the study's evidence; `published`: the source's numbers (`published.published`).

        The evidence itself goes into the table `measurements`, a row per quantity and replicate.
        """
        judgements = judge(claims, evidence, verified(published), comparable=self.facts["as_published"])
        source = heading(published["data"].iloc[0], self.study.data)
        table = verdict_table(judgements, (*notes, self.note), source=source)
        self.report.claims(table, verdict_cards(judgements))
        self.report.numbers("measurements", evidence.table)
        return judgements

    def training(self, models: Mapping[str, str], caption: str = CURVES, alt: str = PANELS) -> None:
        """Training curves of models, each below its title."""
        curves = {title: self.study.curve(model) for model, title in models.items()}
        self.report.figure("training", training_curves(curves), caption, alt)

    def recipes(
        self, names: Mapping[str, str], images: Mapping[str, int] | int, stopped: Mapping[str, int] | None = None
    ) -> None:
        """What every model was trained on, and for how long (`budget.model_table`); `images`: of each, or of all."""
        each = dict.fromkeys(self.facts["models"], images) if isinstance(images, int) else images
        self.report.table(model_table(self.facts, names, each, stopped))
