"""The report of a study while it is written, with what every section of it needs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic

import pandas as pd
from matplotlib.figure import Figure

from friendfoe.report.curves import training_curves
from friendfoe.report.explorer import Attack, explorer
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Table
from friendfoe.studies.budget import budget, model_table
from friendfoe.studies.checks import QUESTION, SHOWN
from friendfoe.studies.claims import Claim, Judgement, judge
from friendfoe.studies.document import blocks
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import KEY, Evidence, frame
from friendfoe.studies.given import described, given_table
from friendfoe.studies.published import heading, verified
from friendfoe.studies.results import Results, S
from friendfoe.studies.tables import GREY, INTERVALS, numbers
from friendfoe.studies.verdicts import verdict_cards, verdict_table

CURVES = "Accuracy while training; thin lines are replicates, thick ones their mean. The test images choose nothing."
EXPLORER = "explorer"
PANELS = "Training curves, a panel per model: accuracy on its own training images and on clean test images by epoch."


@dataclass(frozen=True)
class Page(Generic[S]):
    """A report, and what it is made from."""

    study: Results[S]
    report: StudyReport  # where sections are put
    evidence: Evidence  # ours
    published: pd.DataFrame  # the source's numbers (`published.published`)
    pixels: str = "perturbed images rounded to 8 bits"  # on which images accuracies are counted

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

    def judge(self, claims: Iterable[Claim], under: Collection[str] = ()) -> list[Judgement]:
        """The verdicts on claims from the evidence.

        `under`: conditions that are attacks; a number that rests on a model under one of these has a mark where the
        model has failed a gradient check.
        """
        known = verified(self.published)
        judgements = judge(claims, self.evidence, known, comparable=self.facts["as_published"])
        return [self.study.checks.beside(judgement, under) for judgement in judgements] if under else judgements

    @property
    def _seconds(self) -> float:
        """Of one core, that a replicate of all models took to be trained; 0: nobody wrote it down."""
        origins = (model.get("provenance", {}) for model in self.facts["models"].values())
        return float(sum(origin.get("cpu_seconds", 0.0) for origin in origins)) / int(self.facts["replicates"])

    def marked(self, table: Table, robust: Mapping[str, str], under: Collection[str] = ()) -> Table:
        """A table with marks where a number rests on a model that has failed a gradient check.

        `robust`: headings of its rows or columns -> models, of which it has the accuracy under attack (`under` these
        headings; without, in all cells).
        """
        return self.study.checks.marked(table, robust, under)

    def gradient_checks(self, names: Mapping[str, str]) -> dict[str, Table]:
        """The tables on whether the attacks are to be believed; `names`: of the models, in tables.

        None where params have no model checked.
        """
        if not self.study.job.checked:
            return {}
        checks, reported = self.study.checks, self.study.job.reported
        believed = [SHOWN["the reported attack"]] if reported else [SHOWN[attack] for attack in ("one step", "PGD")]
        accuracies = self.marked(checks.accuracies(names), checks.titles(names), believed)
        return {"gradient-checks-accuracy": accuracies, "gradient-checks": checks.table(names)}

    def _question(self) -> str:
        if not self.study.job.checked:
            return "No gradients were checked, so that nothing says whether the robustness is real."
        reported = self.study.job.reported
        return QUESTION + (f" The reported attack is {reported}." if reported else "")

    def given(self, metrics: Mapping[str, str], titles: Mapping[str, str] = MappingProxyType({})) -> dict[str, Table]:
        """The table of models that were trained elsewhere; none where there are none.

        `metrics`: what is measured of them -> its heading; `titles`: what conditions are called.
        """
        given = self.study.given
        return {"given": given_table(self.evidence, given, metrics, titles)} if given else {}

    def explorer(
        self, models: Mapping[str, str], attacks: Mapping[str, Attack], conditions: Mapping[str, str], metric: str
    ) -> dict[str, Any]:
        """What the analysis has for the explorer, beside the accuracies by class of a metric under these conditions.

        Arguments are those of `friendfoe.report.explorer`; a metric "error" is the opposite of an accuracy.
        """
        right = {
            key[1:]: replace(one, values=1 - one.values) if metric == "error" else one
            for key, one in self.evidence.outcomes.items()
            if key[0] == metric
        }
        return explorer(self.study.arrays(EXPLORER), models, attacks, right, conditions)

    def training(self, models: Mapping[str, str]) -> Figure:
        """Training curves of models, each below its title; those that are given have none."""
        trained = {model: title for model, title in models.items() if model not in self.study.given}
        return training_curves({title: self.study.curve(model) for model, title in trained.items()})

    def recipes(
        self,
        names: Mapping[str, str],
        images: Mapping[str, int] | int,
        stopped: Mapping[str, int] = MappingProxyType({}),
    ) -> Table:
        """What every model was trained on, and for how long (`budget.model_table`)."""
        return model_table(self.facts, names, images, stopped)

    def write(
        self,
        tables: Mapping[str, Table],
        figures: Mapping[str, Figure] = MappingProxyType({}),
        judgements: Sequence[Judgement] = (),
        explored: dict[str, Any] | None = None,
        **words: Any,
    ) -> None:
        """Put all of it where `plot/page.md` of the study has its place (`friendfoe.studies.document`).

        Args:
            tables: by name; the verdicts are one more, `claims`. Captions and notes of the page come after their own.
            figures: by name.
            judgements: on the claims; with them the evidence itself goes into the table `measurements`, a row per
                quantity and replicate.
            explored: as of `friendfoe.report.explorer`; its place is that of a table `explorer`.
            words: what sentences of the page have in braces, beside those that all pages may have: `facts`, `data`,
                `settings`, `tables`, `given`, `gradient_checks`, `CURVES`, `PANELS`, `INTERVALS`, `GREY`.

        Raises:
            ValueError: the page has no place for one of the tables or figures.
        """
        if judgements:
            tables = {**tables, "claims": verdict_table(judgements, self.source)}
            self.report.numbers("measurements", self.evidence.table)
        words |= {
            "facts": self.facts,
            "data": self.study.data,
            "settings": self.study.settings,
            "tables": tables,
            "given": {name: described(name, file, self.facts) for name, file in self.study.given.items()},
            "gradient_checks": self._question(),
            "CURVES": CURVES,
            "PANELS": PANELS,
            "INTERVALS": INTERVALS,
            "GREY": GREY,
        }
        page = blocks(f"friendfoe.studies.{self.study.job.study}.plot", words)
        left = {
            *([("table", EXPLORER)] if explored else ()),
            *(("table", name) for name in tables),
            *(("figure", name) for name in figures),
        }
        title, question, *rest = page
        sources = [*rest.pop(0).items] if rest and rest[0].kind == "list" else []
        self.report.title(title.text, question.text, sources, self.note)
        for block in rest:
            left.discard((block.kind, block.name))
            if block.kind == "##":
                self.report.heading(block.text)
            elif explored and block.name == EXPLORER:
                self.report.explorer(explored, block.text, block.items)
            elif block.kind == "figure":
                self.report.figure(block.name, figures[block.name], block.below, block.text)
                if block.word == "headline":
                    self.report.shown_above(block.name)
            elif block.kind == "table":
                table = tables[block.name]
                notes = (*table.notes, *block.items, *([] if block.word == "alone" else [self.note]))
                table = replace(table, name=block.name, caption=block.text or table.caption, notes=notes)
                if block.name == "claims":
                    self.report.claims(table, verdict_cards(judgements, self._seconds))
                else:
                    self.report.table(table)
            else:
                self.report.text(block.text)
        if left:
            raise ValueError(
                f"page.md of {self.study.job.study} has no place for {', '.join(map(' '.join, sorted(left)))}"
            )
