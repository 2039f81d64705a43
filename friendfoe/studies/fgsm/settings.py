"""What only the FGSM study has in its params.yaml."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from friendfoe.runtime.strict import Strict
from friendfoe.studies.classes import each_once
from friendfoe.studies.fgsm.names import NEEDED
from friendfoe.studies.job import StudySettings


class Logits(Strict):
    """The logits against eps, far beyond what an image can hold."""

    reach: PositiveFloat = Field(description="eps goes from minus this to this")
    points: Annotated[int, Field(ge=5)] = Field(description="values of eps, zero among them where it is odd")
    images: PositiveInt = Field(description="test images")


class Settings(StudySettings):
    """What only this study has."""

    needed_models = tuple(NEEDED)

    shares: list[NonNegativeFloat] = Field(
        min_length=2, description="of eps: error and confidence are measured at each"
    )
    pair: list[NonNegativeInt] = Field(
        min_length=2, max_length=2, description="classes of logistic regression, by number"
    )
    logits: Logits
    rubbish: PositiveInt = Field(description="images of noise")
    gallery: list[NonNegativeInt] = Field(min_length=1, description="classes whose images are shown, by number")

    @field_validator("shares")
    @classmethod
    def _from_clean_to_full(cls, shares: list[float]) -> list[float]:
        if sorted(set(shares)) != shares or shares[0] != 0 or 1 not in shares:
            raise ValueError("must ascend from 0 and hold 1, each share once")
        return shares

    _once = field_validator("pair", "gallery")(each_once("class"))
