"""The whole plan: all studies on their data sets, which share names, sources and classes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from friendfoe.plan.names import Study, check_names
from friendfoe.plan.params import RootParams, StudyDataParams, study_file
from friendfoe.plan.resolve import StudyOnData
from friendfoe.runtime.errors import UserError


@dataclass(frozen=True)
class Plan:
    """Everything that can be run: each study on each of its data sets."""

    root: RootParams  # the data sets
    studies: Mapping[str, Study]  # by name

    def __post_init__(self) -> None:
        """Check every name that params use, as `check_names` does."""
        for study in self.studies.values():
            check_names(study, self.root.data, self.studies)

    def on_data(self, data: str, study: str) -> StudyOnData:
        """A study on one of its data sets.

        Raises:
            UserError: the study's source is not trained on the data set.
        """
        if (data, study) not in self._resolved:
            self._resolved[data, study] = self._on_data(data, study)
        return self._resolved[data, study]

    @cached_property
    def _resolved(self) -> dict[tuple[str, str], StudyOnData]:
        """What was asked for: its files are read, and its networks tried, once."""
        return {}

    def _on_data(self, data: str, study: str) -> StudyOnData:
        one, source = self.studies[study], None
        if one.params.source is not None:
            owner = one.params.source.split("/")[0]
            if data not in self.studies[owner].params.data:
                one.refuse(
                    f"data.{data}: '{one.params.source}' is not trained on {data}; "
                    f"add {data} under `data` in {study_file(owner)}"
                )
            source = StudyOnData(self.studies[owner], data, self.root.data[data])
        return StudyOnData(one, data, self.root.data[data], source)

    def least_classes(self, data: str) -> int:
        """How many classes its studies need on a data set; 1 where there is no study."""
        return max((on_data.least_classes for on_data in self._planned(data)), default=1)

    def warnings(self) -> Iterator[str]:
        """What of a bare `dvc repro` takes days, a line for each study and data set."""
        for data in self.root.datasets:
            lines = (on_data.cost() for on_data in self._planned(data))
            yield from (line for line in lines if line.startswith("warning"))

    def _planned(self, data: str) -> Iterator[StudyOnData]:
        return (self.on_data(data, name) for name, study in self.studies.items() if data in study.params.data)

    def lacking(self, data: str, study: str) -> str:
        """What a study that does not list a data set needs there."""
        one = self.studies[study]
        params = one.params.model_copy(update={"data": {**one.params.data, data: StudyDataParams()}})
        added = replace(one, params=params)
        try:
            _ = replace(self, studies={**self.studies, study: added}).on_data(data, study).jobs
        except UserError as error:
            need = str(error).removeprefix(f"{study_file(study)}: ")
            return f"add `{data}` under `data` in {study_file(study)}, with what it needs: {need}"
        return f"add `{data}: {{}}` under `data` in {study_file(study)}"
