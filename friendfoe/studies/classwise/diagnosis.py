"""All that the class-wise study has counted, read from its evaluations and its analysis."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from friendfoe.studies.classwise import measures
from friendfoe.studies.classwise.names import DEFENCES, MODEL
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.estimates import as_crafted
from friendfoe.studies.results import Results


@dataclass(frozen=True)
class Diagnosis:
    """Class-wise counts and the tables of the analysis."""

    counts: pd.DataFrame  # of the models, as of `measures.by_class`
    variants: pd.DataFrame  # correct and n of the inference phase, by variant, condition, class and replicate
    confusion: pd.DataFrame
    norms: pd.DataFrame
    homing: pd.DataFrame

    @classmethod
    def read(cls, study: Results[Settings]) -> "Diagnosis":
        """That of the results.

        Raises:
            UserError: an evaluation or a part of the analysis is missing or damaged.
        """
        confusion, norms, homing, variants = (
            study.table(name) for name in ("confusion", "norms", "homing", "mitigation")
        )
        keys = ["variant", "condition", "class", "replicate"]
        counts = measures.by_class(as_crafted(study.evaluations))
        return cls(counts, variants.set_index(keys)[["correct", "n"]], confusion, norms, homing)

    @cached_property
    def spread(self) -> pd.DataFrame:
        """`measures.spread` of every model under every condition."""
        return measures.spread(self.counts)

    @cached_property
    def spread_of_variants(self) -> pd.DataFrame:
        """The same of the inference phase."""
        return measures.spread(self.variants)

    @property
    def accuracy(self) -> pd.Series:
        """By model, condition, class and replicate."""
        return self.counts["accuracy"]

    @cached_property
    def defences(self) -> pd.DataFrame:
        """The counts of the defences alone, without the changes to them."""
        return self.counts.loc[list(DEFENCES)]

    @property
    def confusion_of_model(self) -> pd.DataFrame:
        """That of the model that is looked into."""
        return self.confusion[self.confusion["model"] == MODEL]

    @property
    def single(self) -> pd.DataFrame:
        """Homing where a single class is left out."""
        return self.homing[self.homing["classes"] == 1]
