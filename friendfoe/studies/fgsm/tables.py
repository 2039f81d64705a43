"""The tables of the FGSM study: ours, in percent, with the published numbers beside them."""

from collections.abc import Mapping
from functools import cached_property

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.claims import Measurements
from friendfoe.studies.estimates import cell, over_replicates
from friendfoe.studies.fgsm.names import MODELS, SOURCES
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.page import Page
from friendfoe.studies.published import heading, published, readings
from friendfoe.studies.tables import Comparison, numbers, sheet

KEYS = ("model", "condition", "metric")
PERCENT = "Errors, confidences and shares in percent; mean ± half the 95 % t interval over replicates."
PLAIN = ("loss", "closed-form", "held-uphill", "held-downhill")  # metrics that are no shares

_WIDE = "wide-adversarial"  # the paper trains its large network adversarially; ours is the small one


def published_numbers() -> pd.DataFrame:
    """The published rows; what the paper has of its large network stands under our small one, too, but not clean."""
    rows = published("fgsm")
    attacked = rows[~((rows["model"] == _WIDE) & (rows["condition"] == "clean"))]
    copies = readings(attacked, "model", {"maxout-adversarial": _WIDE})
    both = pd.concat([rows, copies.iloc[len(attacked) :]], ignore_index=True)
    return readings(both, "condition", {"on-maxout-adversarial": f"on-{_WIDE}"})


class FgsmPage(Page[Settings]):
    """The report with the measurements that its tables are made of."""

    @cached_property
    def measurements(self) -> Measurements:
        """Ours, by `KEYS`."""
        return Measurements(self.study.table("measures").set_index([*KEYS, "replicate"])["value"].sort_index())

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """The same over replicates."""
        return over_replicates(self.measurements.values.dropna())

    @cached_property
    def published(self) -> pd.DataFrame:
        """`published_numbers`."""
        return published_numbers()

    @property
    def source(self) -> str:
        """The heading of published numbers."""
        return heading("MNIST", self.study.data)

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
        comparison, keys = Comparison(self.estimates, {self.source: self.published}), []
        for title, (condition, metric, digits) in columns.items():
            column = [(model, condition or own, metric) for model, own in rows.values()]
            scale = 1 if metric in PLAIN else 100
            comparison.add(title, column, digits=digits, published_digits=digits, scale=scale)
            keys += column
        data = numbers(self.estimates, keys, self.published).drop(columns="verified")
        data = data.dropna(subset=["mean", "published"], how="all")
        self.table(comparison.sheet(name, caption, "model", rows, data, PERCENT, *notes))

    def matrix(self) -> Table:
        """Error of every model (columns) on the adversarial examples of every source (rows)."""
        models = self.study.models
        sources = {name: MODELS[name] for name in (*SOURCES, "member") if name in (*models, "member")}
        keys = {model: [(model, f"on-{source}", "error") for source in sources] for model in models}
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
