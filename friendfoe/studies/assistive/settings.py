"""The section `studies.assistive` of params.yaml."""

from collections.abc import Collection
from typing import Annotated, TypeVar

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from friendfoe.params import Evaluation, Study
from friendfoe.runtime.strict import Strict
from friendfoe.studies.assistive.names import CONDITIONS, MODELS

C = TypeVar("C", bound=Collection[str])
Share = Annotated[float, Field(gt=0, le=1)]


class Patch(Strict):
    """The sticker: the signal covers only a square of the image."""

    eps: Annotated[float, Field(gt=0, le=1)] = Field(description="how far a pixel of the sticker may go; 1: any colour")
    steps: PositiveInt = Field(description="of the sign of the gradient")
    areas: list[Share] = Field(min_length=1, description="shares of the image that it covers")
    grid: PositiveInt = Field(description="positions tried per axis")
    images: PositiveInt = Field(description="test images")

    @field_validator("areas")
    @classmethod
    def _ascend(cls, areas: list[float]) -> list[float]:
        if sorted(set(areas)) != areas:
            raise ValueError("must ascend, each area once")
        return areas


class Settings(Study, extra="forbid"):
    """Models and evaluations, and what only this study has."""

    gallery: list[NonNegativeInt] = Field(min_length=1, description="classes shown in the gallery, by number")
    patch: Patch

    @field_validator("models")
    @classmethod
    def _all_models(cls, models: list[str]) -> list[str]:
        return _with(models, MODELS)

    @field_validator("evaluate")
    @classmethod
    def _all_conditions(cls, evaluate: dict[str, Evaluation]) -> dict[str, Evaluation]:
        return _with(evaluate, CONDITIONS)

    @field_validator("gallery")
    @classmethod
    def _once(cls, gallery: list[int]) -> list[int]:
        if len(set(gallery)) < len(gallery):
            raise ValueError("a class stands there twice; leave one")
        return gallery


def _with(section: C, names: Collection[str]) -> C:
    """The section, if it has all that the study's tables show."""
    missing = [name for name in names if name not in section]
    if missing:
        raise ValueError(f"the tables of this study need '{missing[0]}', too")
    return section
