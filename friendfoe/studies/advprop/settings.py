"""The section `studies.advprop` of params.yaml."""

from pydantic import field_validator

from friendfoe.params import Study
from friendfoe.studies.advprop.names import ATTACKERS, METHODS


class Settings(Study, extra="forbid"):
    """Models, and what only this study has."""

    @field_validator("models")
    @classmethod
    def _all_methods(cls, models: list[str]) -> list[str]:
        for name in (*METHODS, ATTACKERS):
            if name not in models:
                raise ValueError(f"the tables of this study need '{name}', too")
        return models
