"""What is evaluated: jobs as the plan writes them down, with attacks and budgets resolved."""

from typing import Literal

from pydantic import Field, PositiveInt, SerializeAsAny, model_validator
from typing_extensions import Self

from friendfoe.attacks.config import AttackConfig
from friendfoe.evaluation.check_budget import CheckBudget
from friendfoe.runtime.strict import Strict
from friendfoe.training.job import Name, StudyJob

CLEAN, ATTACKED, STORED = "test images as they are", "test images under attack", "a stored set"


class Condition(Strict):
    """Images on which a model is evaluated: a split, a stored set, or images crafted for the occasion."""

    images: Literal["train", "test", "own"] = Field("test", description="own: those that the model was trained on")
    set: Name | None = Field(None, description="a stored set of perturbed training images, in place of `images`")
    attack: Name | None = Field(None, description="perturb the images so")
    on: Literal["self", "source"] = Field(
        "self", description="the model that they are crafted on: the evaluated one, or the source of the study"
    )
    worst: list[Name] | None = Field(None, min_length=1, description="attack with each of these until one succeeds")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(map(bool, (self.set, self.attack, self.worst))) > 1:
            raise ValueError("`set`, `attack` and `worst` exclude one another; leave one")
        if self.on == "source" and not self.attack:
            raise ValueError("on: says what `attack` is crafted on, and there is none; leave it out")
        if self.set is not None and self.images != "test":
            raise ValueError("`set` takes the place of `images`; leave one")
        if self.worst is not None and len(set(self.worst)) < len(self.worst):
            raise ValueError("worst: an attack stands there twice; leave one")
        return self

    @property
    def meaning(self) -> str:
        """What a model is shown, in a few words."""
        if self.set is not None:
            return STORED
        return f"{self.images} images {'under attack' if self.attacks else 'as they are'}"

    @property
    def attacks(self) -> list[Name]:
        """The attacks that it needs."""
        return [self.attack] if self.attack else self.worst or []


class EvaluationJob(StudyJob):
    """Models of a study on a data set, counted class by class under every condition."""

    models: list[str]
    replicates: PositiveInt
    seed: int
    eps: float
    images: PositiveInt | None = Field(default=None, description="how many test images; null: all")
    source: str | None = Field(default=None, description="STUDY/MODEL that conditions with `on: source` are crafted on")
    conditions: dict[str, Condition]
    attacks: dict[str, SerializeAsAny[AttackConfig]]


class GradientCheckJob(StudyJob):
    """A model of a study on a data set whose gradients are checked for masking."""

    models: list[str] = Field(description="the one that is checked")
    variants: list[str] = Field(default=[], description="MODEL/VARIANT of it, where it is trained in several")
    seed: int
    eps: float
    images: PositiveInt | None = Field(default=None, description="how many test images the study attacks; null: all")
    reported: SerializeAsAny[AttackConfig] | None = Field(default=None, description="what its robustness is taken from")
    transfer: list[str] = Field(default=[], description="other models of the study that images are crafted on")
    budget: CheckBudget = CheckBudget()
