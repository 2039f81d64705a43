"""What only the assistive study has in its params.yaml."""

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from friendfoe.runtime.strict import Strict
from friendfoe.studies.assistive.names import CONDITIONS, MODELS
from friendfoe.studies.job import StudySettings

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


class Settings(StudySettings):
    """What only this study has."""

    needed_models = tuple(MODELS)
    needed_conditions = tuple(CONDITIONS)

    gallery: list[NonNegativeInt] = Field(min_length=1, description="classes shown in the gallery, by number")
    patch: Patch

    @field_validator("gallery")
    @classmethod
    def _once(cls, gallery: list[int]) -> list[int]:
        if len(set(gallery)) < len(gallery):
            raise ValueError("a class stands there twice; leave one")
        return gallery
