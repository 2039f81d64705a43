"""What only the assistive study has in its params.yaml."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, NonNegativeInt, field_validator, model_validator
from typing_extensions import Self

from friendfoe.evaluation.job import ATTACKED, CLEAN, STORED, Condition
from friendfoe.models.config import NetworkConfig
from friendfoe.runtime.strict import Count, Strict
from friendfoe.studies.assistive.names import CONDITIONS, LIKELY, MODELS
from friendfoe.studies.classes import check_known, each_once, replaced, with_images
from friendfoe.studies.job import Counts, Network, WithExplorer
from friendfoe.training.job import Job, Name, Share, TrainingConfig


class Universal(Strict):
    """How the stickers are made that serve all images of a class."""

    steps: Count = Field(description="of the sign of the gradient, ever smaller")
    batch: Count = Field(description="training images per step, each with its sticker in a place of its own")


class Patch(Strict):
    """The sticker: the signal covers only a square of the image."""

    eps: Share = Field(description="how far a pixel of the sticker may go; 1: any colour")
    steps: Count = Field(description="of the sign of the gradient")
    areas: list[Share] = Field(min_length=1, max_length=100, description="shares of the image that it covers")
    grid: Count = Field(le=100, description="positions tried per axis")
    images: Count = Field(description="test images")
    universal: Universal

    @field_validator("areas")
    @classmethod
    def _ascend(cls, areas: list[float]) -> list[float]:
        if sorted(set(areas)) != areas:
            raise ValueError("must ascend, each area once")
        return areas


class Tried(Strict):
    """What is different of the likely set-up."""

    network: Network | None = Field(default=None, description="in place of the set-up's")
    training: dict[str, Any] = Field(default={}, description="keys of its `training` that differ")
    clip: bool = Field(default=False, description="whether perturbed images are clipped to [0, 1]")
    same_start: bool = Field(
        default=False, description="whether B begins with the weights that A began with, and takes images in A's order"
    )


class Likely(Strict):
    """The set-up that the article is likely to have had, and what was tried besides."""

    images: Count = Field(description="training images, at most: perturbed ones, which cannot be stored, are in memory")
    network: Network
    training: TrainingConfig
    setups: dict[Name, Tried] = Field(min_length=1, description="all models are trained in these")
    tried: dict[Name, Tried] = Field(description="A and B alone are trained in these, too")

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        if twice := next((name for name in self.setups if name in self.tried), None):
            raise ValueError(f"tried: '{twice}' is one of the set-ups, too; take another name")
        if LIKELY not in self.setups:
            raise ValueError(f"setups: the claims of this study need '{LIKELY}', too")
        for name in self.every:
            self.budget(name)
        return self

    @property
    def every(self) -> dict[str, Tried]:
        """All set-ups by name."""
        return {**self.setups, **self.tried}

    def net(self, setup: str) -> NetworkConfig:
        """The network of a set-up."""
        return self.every[setup].network or self.network

    def budget(self, setup: str) -> TrainingConfig:
        """The training of a set-up."""
        return TrainingConfig.model_validate({**self.training.model_dump(), **self.every[setup].training})

    def in_words(self, setup: str) -> str:
        """The training of a set-up in a few words."""
        budget, tried = self.budget(setup), self.every[setup]
        epochs = f"{budget.epochs} epoch{'s' * (budget.epochs != 1)}"
        words = [f"{budget.optimizer} {budget.learning_rate:g}", epochs, "clipped" if tried.clip else "unclipped"]
        return ", ".join([*words, *(["B begins as A did"] if tried.same_start else [])])


class Settings(WithExplorer):
    """What only this study has."""

    needed_models = tuple(MODELS)
    needed_conditions = {
        **dict.fromkeys(CONDITIONS, ATTACKED),
        "own-train": "own images as they are",
        "assist-train": STORED,
        "clean": CLEAN,
    }
    needed_sets = ("assist-test", "attack-test")
    explored = ("attack", "attack-self")

    gallery: list[NonNegativeInt] = Field(min_length=1, description="classes shown in the gallery, by number")
    patch: Patch
    likely: Likely

    _once = field_validator("gallery")(each_once("class"))

    def check(self, models: Mapping[str, Job], conditions: Mapping[str, Condition], classes: int | None) -> None:
        """The gallery shows classes that there are."""
        check_known("gallery", self.gallery, classes)

    def on_classes(self, train: Counts, test: Counts) -> tuple[Self, list[str]]:
        """A gallery of classes that have test images."""
        gallery = with_images(self.gallery, test)
        notes = replaced("The gallery", self.gallery, gallery, [*test])
        return self.model_copy(update={"gallery": gallery}), notes
