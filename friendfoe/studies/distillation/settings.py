"""What only the distillation study has in its params.yaml."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, NonNegativeFloat, PositiveFloat, field_validator
from typing_extensions import Self

from friendfoe.evaluation.job import ATTACKED, CLEAN, Condition
from friendfoe.runtime.strict import Count, Strict
from friendfoe.studies.classes import each_once, few_classes
from friendfoe.studies.distillation.names import CONDITIONS, ENDS, SURROGATE, UNDISTILLED, temperature
from friendfoe.studies.job import Counts, Network, WithExplorer
from friendfoe.training.job import Job, Share


class Jsma(Strict):
    """The paper's protocol: every image is driven towards wrong classes by changing few of its features."""

    targets: Count = Field(description="wrong classes per image")
    features: Share = Field(description="share of the features that may change")


class Search(Strict):
    """What all attacks of Carlini & Wagner have."""

    steps: Count = Field(description="gradient steps per search")
    lr: PositiveFloat = Field(le=1000, description="learning rate")


class L2(Search):
    """Their L2 attack."""

    binary_search_steps: Count = Field(le=100, description="trials for the constant of the margin")


class L0(Search):
    """Their L0 attack."""

    trials: Count = Field(le=100, description="weights of the margin per round")
    removed: float = Field(gt=0, le=1, description="share of the pixels that a round leaves out")


class Linf(Search):
    """Their L-infinity attack."""

    trials: Count = Field(le=100, description="weights of the margin per bound")
    shrink: float = Field(gt=0, lt=1, description="the next bound on a pixel's change, as a share of the last one")


class Distances(Strict):
    """Carlini & Wagner's attacks on logits / T, all without a bound."""

    images: Count
    l2: L2
    l0: L0
    linf: Linf


class Fooling(Strict):
    """Noise that is driven to a class, and networks that are trained again with such noise as a further class."""

    images: Count = Field(le=10_000, description="per class")
    steps: Count = Field(description="of the sign of the gradient, at most")
    step: Share = Field(description="size of one")
    confidence: Share = Field(description="which counts as fooled, if it is exceeded")
    rounds: Count = Field(le=100, description="how often a network is trained again")
    learned: Count = Field(le=10_000, description="images per class that each of these rounds adds to the training")


class Transfer(Strict):
    """Images crafted on one network and shown to others, deep or not."""

    confidences: list[NonNegativeFloat] = Field(min_length=1, description="leads of the wrong class, ascending")
    images: Count = Field(description="test images that are changed within eps")
    steps: Count = Field(description="of PGD on the margin")
    learners: Count = Field(description="training images of learners that are no networks, at most")
    network: Network = Field(description="another structure than the study's")

    @field_validator("confidences")
    @classmethod
    def _ascending(cls, confidences: list[float]) -> list[float]:
        if confidences != sorted(set(confidences)):
            raise ValueError("must ascend")
        return confidences


class Settings(WithExplorer):
    """What only this study has."""

    needed_conditions = {name: CLEAN if name == "clean" else ATTACKED for name in CONDITIONS}
    needed_models = (SURROGATE,)
    needed_checks = ENDS
    parts = ("analyse", "jsma", "fooling", "transfer")
    retrained = (UNDISTILLED,)
    explored = ("naive", "pgd", "transfer", "autoattack")
    evaluated_together = True

    temperatures: list[Count] = Field(max_length=100, description="T of the pairs teacher-T and distilled-T")
    jsma: Jsma
    distances: Distances
    gradients: Count = Field(description="test images whose gradients are measured")
    fooling: Fooling
    transfer: Transfer

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
        return [UNDISTILLED, *(f"distilled-{t}" for t in sorted(self.temperatures))]

    def check(self, models: Mapping[str, Job], conditions: Mapping[str, Condition], classes: int | None) -> None:
        """An image has so many wrong classes; and distillation is training."""
        for name in self.further_models():
            if not models[name].method.trained:
                raise ValueError(
                    f"models.{name}.method: distillation trains it, so that it cannot be given; give yours another "
                    "name under `models`, and it is attacked beside these"
                )
        if classes is not None and self.jsma.targets >= classes:
            raise ValueError(f"jsma.targets: {self.jsma.targets}: an image has {classes - 1} wrong classes here")

    def on_classes(self, train: Counts, test: Counts) -> tuple[Self, list[str]]:
        """As many targets as an image has wrong classes."""
        targets = min(self.jsma.targets, len(test) - 1)
        notes = [f"JSMA has {targets} targets: there are no more wrong classes."] if targets < self.jsma.targets else []
        settings = self.model_copy(update={"jsma": self.jsma.model_copy(update={"targets": targets})})
        return settings, notes + few_classes(len(test))
