"""What the tables and figures of a study are drawn from: files alone, so that a plot never waits for torch."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from friendfoe.params import Study
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError

S = TypeVar("S", bound=Study)
T = TypeVar("T")


@dataclass(frozen=True)
class Results(Generic[S]):
    """The results of one study on one data set.

    Attributes:
        name: of the study.
        data: the data set.
        settings: the study's own section of params.yaml.
    """

    name: str
    data: str
    settings: S

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """The class-wise counts of all models, with the columns of `friendfoe.evaluation.classwise.COLUMNS`."""
        return pd.concat([self._evaluation(model) for model in self.settings.models], ignore_index=True)

    def curve(self, model: str) -> pd.DataFrame:
        """The training curve of a model: replicate, epoch, step, loss, accuracy, test_accuracy."""
        return self._read(paths.curve(self.data, model), lambda path: pd.read_csv(path, sep="\t"))

    def honesty(self, model: str) -> pd.DataFrame:
        """The honesty checks of a model: replicate, check, passed, question, measured, value."""
        return self._read(paths.honesty(self.data, model), pd.read_csv)

    def table(self, name: str, kinds: Mapping[str, type] | None = None, part: str = "") -> pd.DataFrame:
        """The table `name` of the study's analysis, or of a part of it that has a stage of its own.

        `kinds`: of columns of names that look like numbers.
        """
        return self._read(
            self._analysis(f"{name}.csv", part),
            lambda path: pd.read_csv(path, dtype=kinds, keep_default_na=kinds is None),
        )

    def arrays(self, name: str, part: str = "") -> dict[str, NDArray[Any]]:
        """The arrays `name` of the study's analysis, or of a part of it."""
        return self._read(self._analysis(f"{name}.npz", part), lambda path: dict(np.load(path, allow_pickle=False)))

    def facts(self) -> dict[str, Any]:
        """What the study's analysis says of the data set and the models (`friendfoe.studies.facts`)."""
        facts: dict[str, Any] = self._read(self._analysis("facts.json"), lambda path: json.loads(path.read_text()))
        return facts

    def _evaluation(self, model: str) -> pd.DataFrame:
        # classes are names: those of the digits look like numbers, and "nan" may be one, too
        missing = {column: ["nan"] for column in ("confidence", "confidence_wrong")}
        return self._read(
            paths.evaluation(self.data, self.name, model),
            lambda path: pd.read_csv(path, dtype={"class": str}, keep_default_na=False, na_values=missing),
        )

    def _analysis(self, file: str, part: str = "") -> Path:
        return paths.analysis(self.data, f"{self.name}-{part}" if part else self.name) / file

    def _read(self, path: Path, reader: Callable[[Path], T]) -> T:
        remedy = f"`dvc repro plot-{self.name}@{self.data}`"
        try:
            return reader(path)
        except FileNotFoundError:
            raise UserError(f"{path} is missing; {remedy} makes it") from None
        except (ValueError, KeyError, OSError, BadZipFile) as error:  # pandas' parser errors are ValueErrors
            raise UserError(f"{path} is damaged ({error}); delete it and run {remedy} again") from None
