"""What only the AdvProp study has in its params.yaml."""

from pydantic import Field, field_validator

from friendfoe.runtime.strict import nearest
from friendfoe.studies.advprop.names import ATTACKERS, BENCHMARKS, METHODS
from friendfoe.studies.job import StudySettings
from friendfoe.training.job import Name


class Settings(StudySettings):
    """What only this study has."""

    needed_models = (*METHODS, ATTACKERS)
    analysis_reads = frozenset({"inner_attack", "sizes"})

    benchmarks: dict[Name, list[Name]] = Field(
        default={}, description="data set -> published benchmarks of its classes; those that the user has are evaluated"
    )

    @field_validator("benchmarks")
    @classmethod
    def _known(cls, benchmarks: dict[str, list[str]]) -> dict[str, list[str]]:
        for name in (name for names in benchmarks.values() for name in names):
            if name not in BENCHMARKS:
                raise ValueError(f"there is no benchmark '{name}'; {nearest(name, list(BENCHMARKS))}")
        return benchmarks
