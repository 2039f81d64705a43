"""The tables of the FGSM study: ours, in percent, with the published numbers beside them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import pandas as pd

from friendfoe.evaluation.sample import Sample
from friendfoe.report.tables import Table
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import KEY, Evidence
from friendfoe.studies.fgsm.names import ATTACKS, MODELS, SOURCES
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.page import Page
from friendfoe.studies.published import heading, published, readings
from friendfoe.studies.tables import INTERVALS, Comparison, numbers, sheet

PERCENT = f"Errors, confidences and shares in percent. {INTERVALS}"
PLAIN = ("loss", "closed-form", "held-uphill", "held-downhill", "push")  # metrics that are no shares
CONSTANT = "it answers the same class whatever it is shown, so that it has learned nothing"

_WIDE, _CONVOLUTIONAL = "wide-adversarial", "conv-maxout"


def published_numbers(*, large: bool = False) -> pd.DataFrame:
    """The published rows, under the names of our models, too.

    The paper trains its large network adversarially: what it has of that stands under ours, but clean only where ours
    is as `large`. What it shows one maxout network of another's examples stands under `maxout-other`, which shares no
    first weights with the other.
    """
    rows = published("fgsm")
    shown = rows if large else rows[~((rows["model"] == _WIDE) & (rows["condition"] == "clean"))]
    ours = {"maxout-adversarial": _WIDE, **({"maxout": "wide"} if large else {})}
    rows = pd.concat([readings(shown, "model", ours).iloc[len(shown) :], rows], ignore_index=True)
    again = rows[(rows["model"] == "maxout") & (rows["condition"] == "clean")].assign(model="maxout-other")
    rows = pd.concat([rows, again], ignore_index=True)
    rows = readings(rows, "condition", {"on-maxout-adversarial": f"on-{_WIDE}", "on-maxout-other": "on-maxout"})
    hit = (rows["model"] == "maxout") & (rows["condition"] == "on-maxout-adversarial")
    return rows.assign(model=rows["model"].mask(hit, "maxout-other"))


def measurements(evidence: Evidence, table: pd.DataFrame) -> Evidence:
    """The outcomes of single images, and what no image determines: measures.csv of the analysis."""
    ordered = table.sort_values("replicate")
    groups: Any = ordered.groupby(KEY, sort=False)["value"]
    return evidence.also({key: Sample.of_replicates(values) for key, values in groups})


def constant(evidence: Evidence) -> list[str]:
    """The models that answer a single class on all training images in some replicate."""
    keys = [key for key in evidence.keys() if key[0] == "classes"]  # noqa: SIM118 (it is no mapping)
    return [key[1] for key in keys if (evidence(*key).values < 2).any()]


def of_what_trained(evidence: Evidence) -> Evidence:
    """The same evidence: what a constant predictor does is evidence for nothing."""
    idle = constant(evidence)
    keys = [key for key in evidence.keys() if key[1] in idle]  # noqa: SIM118
    return evidence.also({key: replace(evidence(*key), void=CONSTANT) for key in keys})


class FgsmPage(Page[Settings]):
    """The report with tables of ours and published side by side."""

    @cached_property
    def sources(self) -> dict[str, pd.DataFrame]:
        """Published rows by the heading of their column; a convolutional network stands under ours on its own data."""
        same = self.published["data"].map(lambda data: heading(data, self.study.data) == "published")
        own = self.published[same & (self.published["model"] == _CONVOLUTIONAL)].assign(model="maxout")
        usual = {heading("MNIST", self.study.data): self.published}
        return usual if own.empty else {"published": own, **usual}

    def compare(
        self,
        name: str,
        caption: str,
        rows: Mapping[str, tuple[str, str]],
        columns: Mapping[str, tuple[str | None, str, int]],
        *notes: str,
    ) -> None:
        """A table of ours and published side by side; a column of published numbers only where there are any.

        A row has its heading, model and condition; a column heading, condition (None: the row's), metric and digits.
        """
        comparison, keys = Comparison(self.estimates, self.sources), []
        for title, (condition, metric, digits) in columns.items():
            column = [(metric, model, condition or own) for model, own in rows.values()]
            scale = 1 if metric in PLAIN else 100
            comparison.add(title, column, digits=digits, published_digits=digits, scale=scale)
            keys += column
        data = numbers(self.estimates, keys, next(iter(self.sources.values()))).drop(columns="verified")
        data = data.dropna(subset=["mean", "published"], how="all")
        idle = [MODELS.get(model, model) for model in constant(self.evidence) if model in {key[1] for key in keys}]
        warning = [f"Of {' and '.join(idle)} nothing can be said: {CONSTANT}."] if idle else []
        robust = {heading: model for heading, (model, _) in rows.items()}
        under = [
            title
            for title, (condition, metric, _) in columns.items()
            if metric == "error" and {condition or own for _, own in rows.values()} & {*ATTACKS}
        ]
        table = comparison.sheet(name, caption, "model", rows, data, PERCENT, *warning, *notes)
        self.table(table, robust=robust if under else {}, under=under)

    def matrix(self) -> Table:
        """Error of every model (columns) on the adversarial examples of every source (rows)."""
        sources = {name: MODELS[name] for name in (*SOURCES, "member")}
        keys = {model: [("error", model, f"on-{source}") for source in sources] for model in self.models}
        cells = {
            MODELS.get(model, model): [cell(self.estimates, *key, digits=1, scale=100) for key in column]
            for model, column in keys.items()
        }
        measured = [key for column in keys.values() for key in column if key in self.estimates.index]
        data = self.estimates.loc[measured].reset_index()
        data.insert(0, "source", data["condition"].str.removeprefix("on-"))
        data = data.drop(columns=["condition", "metric"])
        caption = "Transfer: error of each model (columns) on the adversarial examples of another (rows)"
        return sheet("matrix", caption, "examples of", sources.values(), cells, data, PERCENT)
