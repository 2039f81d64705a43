"""The section `studies.assistive` of params.yaml."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from friendfoe.params import Study
from friendfoe.strict import Strict

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
    def _of_the_tables(cls, models: list[str]) -> list[str]:
        missing = [model for model in NAMES if model not in models]
        if missing:
            raise ValueError(f"the tables of this study need '{missing[0]}', too")
        return models

    @field_validator("gallery")
    @classmethod
    def _once(cls, gallery: list[int]) -> list[int]:
        if len(set(gallery)) < len(gallery):
            raise ValueError("a class stands there twice; leave one")
        return gallery


NAMES = {
    "clean": "A",
    "assist": "B",
    "mixed": "C",
    "mixed-matched": "C (half)",
    "clean-half": "A′",
    "assist-half": "B′",
}
"""What the article calls the models."""
