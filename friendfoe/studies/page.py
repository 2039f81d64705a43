"""The report of a study while it is written, with what every section of it needs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic

import pandas as pd

from friendfoe.report.curves import training_curves
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Table
from friendfoe.studies.budget import budget, model_table
from friendfoe.studies.checks import QUESTION, SHOWN
from friendfoe.studies.claims import Claim, Judgement, judge
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import KEY, Evidence, frame
from friendfoe.studies.given import described, given_table
from friendfoe.studies.published import heading, verified
from friendfoe.studies.results import Results, S
from friendfoe.studies.tables import numbers
from friendfoe.studies.verdicts import verdict_cards, verdict_table

CURVES = "Accuracy while training; thin lines are replicates, thick ones their mean. The test images choose nothing."
PANELS = "Training curves, a panel per model: accuracy on its own training images and on clean test images by epoch."


@dataclass(frozen=True)
class Page(Generic[S]):
    """A report, and what it is made from."""

    study: Results[S]
    report: StudyReport  # where sections are put
    evidence: Evidence  # ours
    published: pd.DataFrame  # the source's numbers (`published.published`)
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

    @property
    def models(self) -> list[str]:
        """The models that tables are about."""
        return self.study.models

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """The evidence with intervals, by `evidence.KEY`."""
        return frame({key: self.evidence(*key).estimate() for key in self.evidence.keys()}, KEY)  # noqa: SIM118

    @property
    def source(self) -> str:
        """The heading of published numbers."""
        return heading(self.published["data"].iloc[0], self.study.data)

    def column(self, metric: str, condition: str, models: Iterable[str], digits: int = 3) -> list[str]:
        """Our cells of a metric, a row per model."""
        return [cell(self.estimates, metric, model, condition, digits=digits) for model in models]

    def data(self, metrics: Sequence[str], models: Iterable[str], *, published: bool = False) -> pd.DataFrame:
        """Our estimates of some metrics and models under all conditions; beside them the published numbers."""
        rows = self.estimates.loc[self.estimates.index.isin(metrics, 0) & self.estimates.index.isin([*models], 1)]
        return numbers(self.estimates, list(rows.index), self.published) if published else rows.reset_index()

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

    def given(self, metrics: Mapping[str, str], titles: Mapping[str, str] = MappingProxyType({})) -> None:
        """The section on models that were trained elsewhere; none where there are none.

        `metrics`: what is measured of them -> its heading; `titles`: what conditions are called.
        """
        if not self.study.given:
            return
        self.report.heading("Models that are given")
        for name, file in self.study.given.items():
            self.report.text(f"{name}: {described(name, file, self.facts)}")
        self.table(given_table(self.evidence, self.study.given, metrics, titles))

    def verdicts(self, claims: Iterable[Claim], *notes: str, under: Collection[str] = ()) -> list[Judgement]:
        """The verdicts on claims from the evidence.

        `under`: conditions that are attacks; a number that rests on a model under one of these has a mark where the
        model has failed a gradient check.

        The evidence itself goes into the table `measurements`, a row per quantity and replicate.
        """
        known = verified(self.published)
        judgements = judge(claims, self.evidence, known, comparable=self.facts["as_published"])
        if under:
            judgements = [self.study.checks.beside(judgement, under) for judgement in judgements]
        table = verdict_table(judgements, (*notes, self.note), source=self.source)
        self.report.claims(table, verdict_cards(judgements))
        self.report.numbers("measurements", self.evidence.table)
        return judgements

    def training(self, models: Mapping[str, str], caption: str = CURVES, alt: str = PANELS) -> None:
        """Training curves of models, each below its title; those that are given have none."""
        trained = {model: title for model, title in models.items() if model not in self.study.given}
        curves = {title: self.study.curve(model) for model, title in trained.items()}
        self.report.figure("training", training_curves(curves), caption, alt)

    def recipes(
        self,
        names: Mapping[str, str],
        images: Mapping[str, int] | int,
        stopped: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """What every model was trained on, and for how long (`budget.model_table`)."""
        self.report.table(model_table(self.facts, names, images, stopped))
