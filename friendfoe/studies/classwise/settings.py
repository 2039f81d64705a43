"""The section `studies.classwise` of params.yaml."""

from collections.abc import Collection
from typing import TypeVar

from pydantic import Field, NonNegativeInt, PositiveFloat, field_validator

from friendfoe.params import Evaluation, Study
from friendfoe.runtime.strict import Strict
from friendfoe.studies.classwise.names import ATTACK, CONDITIONS, MODELS

C = TypeVar("C", bound=Collection[str])


class Homing(Strict):
    """Networks trained without the classes that most images are attacked into."""

    removals: NonNegativeInt = Field(description="how many of these classes, each left out alone")
    group: NonNegativeInt = Field(description="how many of them are left out together; below 2: no such network")


class Mitigation(Strict):
    """What is done to a trained network for its weakest class."""

    strengths: list[PositiveFloat] = Field(
        min_length=1, description="of the prior adjustment; the best on held-out images is taken, or none"
    )


class Settings(Study, extra="forbid"):
    """Models and evaluations, and what only this study has."""

    homing: Homing
    mitigation: Mitigation

    @field_validator("models")
    @classmethod
    def _all_models(cls, models: list[str]) -> list[str]:
        return _with(models, MODELS)

    @field_validator("evaluate")
    @classmethod
    def _all_conditions(cls, evaluate: dict[str, Evaluation]) -> dict[str, Evaluation]:
        pgd = evaluate.get("pgd")
        if pgd and (pgd.condition, pgd.on, pgd.images) != (ATTACK, "self", "test"):
            raise ValueError(f"pgd: the analysis attacks with '{ATTACK}', so it must be {{condition: {ATTACK}}}")
        return _with(evaluate, CONDITIONS)


def _with(section: C, names: Collection[str]) -> C:
    """The section, if it has all that the study's tables show."""
    missing = [name for name in names if name not in section]
    if missing:
        raise ValueError(f"the tables of this study need '{missing[0]}', too")
    return section
