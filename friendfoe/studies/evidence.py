"""The evidence of a study: one long table of its measurements, and the outcomes of single images behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

import pandas as pd

from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.evaluation.sample import Estimate, Sample

OUTCOMES = "outcomes.npz"
"""Where an analysis keeps what became of single images."""
KEY = ["metric", "model", "condition"]
COLUMNS = (*KEY, "replicate", "images", "value")


class Evidence:
    """Quantities by metric, model and condition.

    Args:
        outcomes: of single images; a quantity is the mean over them.
        samples: other quantities, such as norms, or what a study has derived.
        classes: names of the classes, for `by_class`.
        partial: whether something may be missing, since models are given that would have to be trained for it.
    """

    def __init__(
        self,
        outcomes: Mapping[Key, Outcomes] | None = None,
        samples: Mapping[Key, Sample] | None = None,
        classes: Iterable[str] = (),
        *,
        partial: bool = False,
    ) -> None:
        self.partial = partial
        self.outcomes = dict(outcomes or {})
        self.classes = list(classes)
        self._samples = dict(samples or {})
        self._by_class: dict[Key, dict[str, Sample]] = {}

    def also(self, samples: Mapping[Key, Sample]) -> Evidence:
        """The same evidence with further quantities."""
        return Evidence(self.outcomes, {**self._samples, **samples}, self.classes, partial=self.partial)

    def __call__(self, metric: str, model: str, condition: str) -> Sample:
        """A quantity.

        Raises:
            KeyError: there is none under this key.
        """
        key = (metric, model, condition)
        if key not in self._samples:
            if key not in self.outcomes:
                raise KeyError(f"there is no {metric} of {model} under {condition}")
            self._samples[key] = Sample.of(self.outcomes[key])
        return self._samples[key]

    def __contains__(self, key: Key) -> bool:
        """Whether there is a quantity under this key."""
        return key in self._samples or key in self.outcomes

    def keys(self) -> list[Key]:
        """Of all quantities."""
        return list(dict.fromkeys([*self.outcomes, *self._samples]))

    def by_class(self, metric: str, model: str, condition: str) -> list[Sample]:
        """The quantity of every class that has images, in the order of the classes.

        Raises:
            KeyError: there are no outcomes under this key.
        """
        return list(self.of_classes(metric, model, condition).values())

    def of_classes(self, metric: str, model: str, condition: str) -> dict[str, Sample]:
        """The same by the name of the class."""
        key = (metric, model, condition)
        if key not in self._by_class:
            if key not in self.outcomes:
                raise KeyError(f"there are no outcomes of {metric} of {model} under {condition}")
            whole = self.outcomes[key]
            masks = {name: whole.labels == number for number, name in enumerate(self.classes)}
            self._by_class[key] = {name: Sample.of(whole, mask) for name, mask in masks.items() if mask.any()}
        return self._by_class[key]

    def estimates(self, metric: str, *, by_class: bool = False) -> pd.DataFrame:
        """The columns of `frame` of a metric, by model and condition, and class where asked for."""
        keys = [key for key in self.keys() if key[0] == metric and (not by_class or key in self.outcomes)]
        rows: dict[tuple[str, ...], Estimate] = {}
        for key in keys:
            if by_class:
                samples = self.of_classes(*key)
                rows |= {(*key[1:], name): sample.estimate() for name, sample in samples.items()}
            else:
                rows[key[1:]] = self(*key).estimate()
        return frame(rows, ["model", "condition", *["class"] * by_class])

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per quantity and replicate, with the columns `COLUMNS`; images: how many the value rests on."""
        rows = [
            (*key, replicate, sample.images, value)
            for key in self.keys()
            for sample in [self(*key)]
            for replicate, value in enumerate(sample.values.tolist())
        ]
        return pd.DataFrame(rows, columns=list(COLUMNS))


def frame(estimates: Mapping[tuple[str, ...], Estimate], names: list[str]) -> pd.DataFrame:
    """Estimates as a table: mean, low, high, replicates, n, values; indexed by keys whose words have these names.

    The values are those of the replicates, as text of six digits each with spaces between.
    """
    rows = [(one.mean, one.low, one.high, one.replicates, one.images, joined(one.values)) for one in estimates.values()]
    index = pd.MultiIndex.from_tuples(list(estimates), names=names)
    return pd.DataFrame(rows, index=index, columns=["mean", "low", "high", "replicates", "n", "values"])


def joined(values: Iterable[float]) -> str:
    """The values of replicates in one cell of a table for machines."""
    return " ".join(f"{value:.6g}" for value in values)
