"""What the tables and figures of a study are drawn from: files alone, so that a plot never waits for torch."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from friendfoe.evaluation import outcomes
from friendfoe.evaluation.check_results import COLUMNS
from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.runtime import paths, tables
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.recorded import remedy
from friendfoe.runtime.sealed import check
from friendfoe.studies.checks import GradientChecks
from friendfoe.studies.evidence import OUTCOMES, Evidence
from friendfoe.studies.job import PlotJob, StudySettings
from friendfoe.training.job import REPLICATE

S = TypeVar("S", bound=StudySettings)
T = TypeVar("T")


@dataclass(frozen=True)
class Results(Generic[S]):
    """The results of one study on one data set."""

    job: PlotJob
    settings: S  # the study's own

    @property
    def data(self) -> str:
        """The name of the data set."""
        return self.job.data

    @property
    def models(self) -> list[str]:
        """The models that tables are about."""
        return self.job.models

    @cached_property
    def evaluations(self) -> pd.DataFrame:
        """The class-wise counts of all models, with the columns of `friendfoe.evaluation.classwise.COLUMNS`."""
        words = ("data", "model", "condition", "pixels", "class")
        files = [paths.evaluation(self.data, self.job.study, model) for model in self.models]
        return pd.concat([self._read(file, lambda path: tables.read(path, words)) for file in files], ignore_index=True)

    @cached_property
    def evidence(self) -> Evidence:
        """The outcomes of single images: of all evaluations, and of what the study's analyses count so."""
        models = dict.fromkeys([*self.models, *self.given])
        evaluated = [paths.outcomes(self.data, self.job.study, model) for model in models]
        analysed = [self._analysis(OUTCOMES, part) for part in self.settings.parts]
        # a study may have no evaluations, and a part may count no images: what there is stands in dvc.yaml
        found: dict[Key, Outcomes] = {}
        for path in evaluated if evaluated[0].parent.exists() else []:
            found |= self._read(path, outcomes.read)
        for path in analysed:
            if path.exists():
                found |= self._read(path, outcomes.read)
        found = {key: replace(one, single=key[1].split("/")[0] in self.single) for key, one in found.items()}
        return Evidence(found, classes=self.facts()["classes"], partial=bool(self.job.given))

    @property
    def given(self) -> dict[str, str]:
        """The models that were trained elsewhere, and their files."""
        return self.job.given or {}

    @property
    def single(self) -> list[str]:
        """Those of them of which there is one network, whatever the number of replicates."""
        return [name for name, file in self.given.items() if REPLICATE not in file]

    @property
    def conditions(self) -> list[str]:
        """What the models were evaluated on, in the order of params.yaml."""
        return [str(name) for name in self.evaluations["condition"].unique()]

    def curve(self, model: str) -> pd.DataFrame:
        """The training curve of a model: replicate, epoch, step, loss, accuracy, test_accuracy."""
        return self._read(paths.curve(self.data, self.job.study, model), lambda path: pd.read_csv(path, sep="\t"))

    @cached_property
    def checks(self) -> GradientChecks:
        """The gradient checks of all models that are checked."""
        data, study, words = self.data, self.job.study, ("model", "check", "outcome", "question", "reason", "measured")
        rows = [
            self._read(paths.gradients(data, study, name) / "checks.csv", lambda path: tables.read(path, words))
            for name in self.job.checked
        ]
        found: dict[Key, Outcomes] = {}
        for name in self.job.checked:
            found |= self._read(paths.checks(data, study, name) / OUTCOMES, outcomes.read)
        return GradientChecks(pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS), found)

    def table(self, name: str, part: str = "analyse") -> pd.DataFrame:
        """The table `name` of the study's analysis, or of a part of it that has a stage of its own."""
        return self._read(self._analysis(f"{name}.csv", part), tables.read)

    def arrays(self, name: str, part: str = "analyse") -> dict[str, NDArray[Any]]:
        """The arrays `name` of the study's analysis, or of a part of it."""
        return self._read(self._analysis(f"{name}.npz", part), lambda path: dict(np.load(path, allow_pickle=False)))

    def gallery(self, name: str, part: str = "analyse") -> tuple[NDArray[np.uint8], pd.DataFrame]:
        """A gallery of the study's analysis: images uint8 [n, C, H, W], and n rows of answers."""
        return self.arrays(name, part)["images"], self.table(name, part=part)

    def facts(self) -> dict[str, Any]:
        """What the study's analysis says of the data set and the models (`friendfoe.studies.facts`)."""
        facts: dict[str, Any] = self._read(self._analysis("facts.json"), lambda path: json.loads(path.read_text()))
        return facts

    def _analysis(self, file: str, part: str = "analyse") -> Path:
        return paths.analysis(self.data, self.job.study, part) / file

    def _read(self, path: Path, reader: Callable[[Path], T]) -> T:
        plot = f"`dvc repro pipelines/{self.job.study}/dvc.yaml:plot@{self.data}`"
        try:
            check(path)
            return reader(path)
        except FileNotFoundError:
            raise UserError(f"{path} is missing; {plot} makes it") from None
        except (ValueError, KeyError, OSError, BadZipFile) as error:  # pandas' parser errors are ValueErrors
            again = remedy(path) or f"delete it and run {plot} again"
            raise UserError(f"{path} is damaged ({error}); {again}") from None
