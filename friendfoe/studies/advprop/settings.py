"""The section `studies.advprop` of params.yaml."""

from pydantic import Field, field_validator

from friendfoe.params import Study
from friendfoe.runtime.strict import nearest
from friendfoe.studies.advprop.names import ATTACKERS, BENCHMARKS, METHODS
from friendfoe.training.recipes import Name


class Settings(Study, extra="forbid"):
    """Models, and what only this study has."""

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

    @field_validator("models")
    @classmethod
    def _all_methods(cls, models: list[str]) -> list[str]:
        for name in (*METHODS, ATTACKERS):
            if name not in models:
                raise ValueError(f"the tables of this study need '{name}', too")
        return models
