"""What only the assistive study has in its params.yaml."""

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from friendfoe.runtime.strict import Strict
from friendfoe.studies.assistive.names import CONDITIONS, MODELS
from friendfoe.studies.classes import each_once
from friendfoe.studies.job import StudySettings
from friendfoe.training.job import Share


class Patch(Strict):
    """The sticker: the signal covers only a square of the image."""

    eps: Share = Field(description="how far a pixel of the sticker may go; 1: any colour")
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

    _once = field_validator("gallery")(each_once("class"))
