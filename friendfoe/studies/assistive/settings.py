"""What only the assistive study has in its params.yaml."""

from collections.abc import Mapping

from pydantic import Field, NonNegativeInt, field_validator
from typing_extensions import Self

from friendfoe.evaluation.job import ATTACKED, CLEAN, STORED, Condition
from friendfoe.runtime.strict import Count, Strict
from friendfoe.studies.assistive.names import CONDITIONS, MODELS
from friendfoe.studies.classes import check_known, each_once, replaced, with_images
from friendfoe.studies.job import Counts, StudySettings
from friendfoe.training.job import Job, Share


class Patch(Strict):
    """The sticker: the signal covers only a square of the image."""

    eps: Share = Field(description="how far a pixel of the sticker may go; 1: any colour")
    steps: Count = Field(description="of the sign of the gradient")
    areas: list[Share] = Field(min_length=1, max_length=100, description="shares of the image that it covers")
    grid: Count = Field(le=100, description="positions tried per axis")
    images: Count = Field(description="test images")

    @field_validator("areas")
    @classmethod
    def _ascend(cls, areas: list[float]) -> list[float]:
        if sorted(set(areas)) != areas:
            raise ValueError("must ascend, each area once")
        return areas


class Settings(StudySettings):
    """What only this study has."""

    needed_models = tuple(MODELS)
    needed_conditions = {
        **dict.fromkeys(CONDITIONS, ATTACKED),
        "own-train": "own images as they are",
        "assist-train": STORED,
        "clean": CLEAN,
    }
    needed_sets = ("assist-test", "attack-test")

    gallery: list[NonNegativeInt] = Field(min_length=1, description="classes shown in the gallery, by number")
    patch: Patch

    _once = field_validator("gallery")(each_once("class"))

    def check(self, models: Mapping[str, Job], conditions: Mapping[str, Condition], classes: int | None) -> None:
        """The gallery shows classes that there are."""
        check_known("gallery", self.gallery, classes)

    def on_classes(self, train: Counts, test: Counts) -> tuple[Self, list[str]]:
        """A gallery of classes that have test images."""
        gallery = with_images(self.gallery, test)
        notes = replaced("The gallery", self.gallery, gallery, [*test])
        return self.model_copy(update={"gallery": gallery}), notes
