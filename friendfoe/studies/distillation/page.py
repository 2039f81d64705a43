"""All that the distillation study measures, with what was published beside it."""

from collections.abc import Sequence
from functools import cached_property

import pandas as pd

from friendfoe.studies.distillation.evidence import CHOSEN, derived
from friendfoe.studies.distillation.names import label, students
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import Evidence, frame
from friendfoe.studies.page import Page
from friendfoe.studies.published import heading, published
from friendfoe.studies.tables import numbers


class DistillationPage(Page[Settings]):
    """The report, and what is measured and published."""

    @cached_property
    def evidence(self) -> Evidence:
        """Ours."""
        return derived(self.study)

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """All of it with intervals, by metric, model and condition."""
        keys: list[tuple[str, str, str]] = self.evidence.keys()
        return frame({(*key,): self.evidence(*key).estimate() for key in keys}, ["metric", "model", "condition"])

    @cached_property
    def published(self) -> pd.DataFrame:
        """Published numbers of this data set or, where there are none, of MNIST."""
        rows = published("distillation")
        same = rows["data"].str.lower().str.replace("-", "") == self.study.data
        return rows[same if same.any() else rows["data"] == "MNIST"]

    @property
    def source(self) -> str:
        """The heading of published numbers."""
        return heading(self.published["data"].iloc[0], self.study.data)

    @cached_property
    def protocol(self) -> str:
        """What JSMA does here."""
        settings = self.study.settings.jsma
        images = len(self.evidence.outcomes["success", self.models[0], "jsma"].samples)
        return (
            f"JSMA drives {images} test images to {settings.targets} wrong classes each and may set "
            f"{settings.features:.2%} of the features to 1; images that a network gets wrong as they are do not count."
        )

    @property
    def models(self) -> list[str]:
        """All networks, a row each."""
        return self.study.models

    @property
    def students(self) -> list[str]:
        """The distilled ones, by temperature."""
        return students(self.models)

    def column(self, metric: str, condition: str, models: Sequence[str], digits: int = 3) -> list[str]:
        """Our cells of a metric, a row per model."""
        return [cell(self.estimates, metric, model, condition, digits=digits) for model in models]

    def data(self, metrics: list[str], models: Sequence[str], *, published: bool = False) -> pd.DataFrame:
        """Our estimates of some metrics and models under all conditions; beside them the published numbers."""
        rows = self.estimates.loc[self.estimates.index.isin(metrics, 0) & self.estimates.index.isin([*models], 1)]
        return numbers(self.estimates, list(rows.index), self.published) if published else rows.reset_index()

    def chosen(self, metric: str, condition: str) -> str:
        """A measure at the temperature where the defence looks best, chosen on other images."""
        return cell(self.estimates, metric, CHOSEN, condition)


def labels(models: Sequence[str]) -> list[str]:
    """Row headings."""
    return [label(model) for model in models]
