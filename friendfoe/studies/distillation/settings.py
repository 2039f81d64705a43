"""What only the distillation study has in its params.yaml."""

from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from friendfoe.runtime.strict import Strict
from friendfoe.studies.classes import each_once
from friendfoe.studies.distillation.names import CONDITIONS, ENDS, UNDISTILLED, temperature
from friendfoe.studies.job import StudySettings
from friendfoe.training.job import Share


class Jsma(Strict):
    """The paper's protocol: every image is driven towards wrong classes by changing few of its features."""

    targets: PositiveInt = Field(description="wrong classes per image")
    features: Share = Field(description="share of the features that may change")


class Distances(Strict):
    """Carlini & Wagner's L2 attack, on logits / T."""

    images: PositiveInt
    steps: PositiveInt = Field(description="gradient steps per search")
    binary_search_steps: PositiveInt = Field(description="trials for the constant of the margin")
    lr: PositiveFloat = Field(description="learning rate")


class Fooling(Strict):
    """Noise that is driven to a class."""

    images: PositiveInt = Field(description="per class")
    steps: PositiveInt = Field(description="of the sign of the gradient, at most")
    step: Share = Field(description="size of one")
    confidence: Share = Field(description="which counts as fooled, if it is exceeded")


class Settings(StudySettings):
    """What only this study has."""

    needed_conditions = tuple(CONDITIONS)
    parts = ("analyse", "jsma")
    evaluated_together = True

    temperatures: list[PositiveInt] = Field(description="T of the pairs teacher-T and distilled-T")
    jsma: Jsma
    distances: Distances
    gradients: PositiveInt = Field(description="test images whose gradients are measured")
    fooling: Fooling

    @field_validator("temperatures")
    @classmethod
    def _both_ends(cls, temperatures: list[int]) -> list[int]:
        for name in ENDS:
            if temperature(name) not in temperatures:
                raise ValueError(f"the tables of this study need {temperature(name)}, too")
        return temperatures

    _once = field_validator("temperatures")(each_once("temperature"))

    def further_models(self) -> dict[str, dict[str, Any]]:
        """A teacher and a student at each temperature."""
        teachers = {
            f"teacher-{t}": {"method": "teacher", "images": ["train"], "temperature": t} for t in self.temperatures
        }
        students = {
            f"distilled-{t}": {"method": "distilled", "images": ["train"], "teacher": f"teacher-{t}", "temperature": t}
            for t in self.temperatures
        }
        return {**teachers, **students}

    def shown_models(self, models: list[str]) -> list[str]:
        """The undistilled network and the students."""
        return [UNDISTILLED, *(name for name in models if not name.startswith("teacher-"))]
