"""The report of a study while it is written, with what every section of it needs."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic

import pandas as pd

from friendfoe.report.curves import training_curves
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Table
from friendfoe.studies.budget import budget, model_table
from friendfoe.studies.checks import MARK, QUESTION, SHOWN
from friendfoe.studies.claims import Claim, Judgement, judge
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.published import heading, verified
from friendfoe.studies.results import Results, S
from friendfoe.studies.verdicts import verdict_cards, verdict_table

OURS = "ours"  # the column of verdict tables
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

    def table(
        self, table: Table, *, robust: Mapping[str, str] = MappingProxyType({}), under: Collection[str] = ()
    ) -> None:
        """A table, and below it what its numbers rest on.

        `robust`: headings of its rows or columns -> models, of which it has the accuracy under attack (`under` these
        headings; without, in all cells): where one of them has failed a gradient check, that is marked.
        """
        marked = self.study.checks.marked(table, robust, under) if robust else table
        self.report.table(replace(marked, notes=(*marked.notes, self.note)))

    def gradient_checks(self, names: Mapping[str, str]) -> None:
        """The section on whether the attacks are to be believed; `names`: of the models, in tables."""
        checks, reported = self.study.checks, self.study.job.reported
        self.report.text(QUESTION + (f" The reported attack is {reported}." if reported else ""))
        believed = [SHOWN["the reported attack"]] if reported else [SHOWN[attack] for attack in ("one step", "PGD")]
        self.table(checks.accuracies(names), robust=checks.titles(names), under=believed)
        self.table(checks.table(names))

    def verdicts(
        self,
        claims: Iterable[Claim],
        evidence: Evidence,
        published: pd.DataFrame,
        *notes: str,
        under: Collection[str] = (),
    ) -> list[Judgement]:
        """The verdicts on claims from the study's evidence; `published`: the source's numbers (`published.published`).

        `under`: conditions that are attacks; a number that rests on a model under one of these has a mark where the
        model has failed a gradient check.

        The evidence itself goes into the table `measurements`, a row per quantity and replicate.
        """
        judgements = judge(claims, evidence, verified(published), comparable=self.facts["as_published"])
        source = heading(published["data"].iloc[0], self.study.data)
        beside = [self.study.checks.beside(one, evidence, under) if under else [] for one in judgements]
        failed = dict.fromkeys(note for parts in beside for found in parts for note in found.values())
        table = verdict_table(judgements, (*failed, *notes, self.note), source=source)
        self.report.claims(*_marked(table, verdict_cards(judgements), beside))
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


def _marked(
    table: Table, cards: list[dict[str, Any]], beside: list[list[dict[str, str]]]
) -> tuple[Table, list[dict[str, Any]]]:
    """The verdicts with a mark beside what we measured of models that have failed a gradient check."""
    cells, row = table.cells.copy(), 0
    column = list(cells.columns).index(OURS)
    for card, notes in zip(cards, beside, strict=True):
        for part, found in enumerate(notes):
            if found:
                text = f"{card['parts'][part][column]} {MARK}"
                cells.iat[row + part, column] = text
                words = list(card["parts"][part])
                words[column] = text
                card["parts"][part] = tuple(words)
        row += len(card["parts"]) + (len(card["parts"]) > 1)  # a last row for the claim as a whole
    return replace(table, cells=cells), cards
