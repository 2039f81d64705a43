"""The section `studies.distillation` of params.yaml."""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, field_validator

from friendfoe.params import Evaluation, Study
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import Strict
from friendfoe.runtime.yaml import describe
from friendfoe.studies.distillation.names import CONDITIONS, HOTTEST, UNDISTILLED
from friendfoe.tailored import Tailored

Share = Annotated[float, Field(gt=0, le=1)]


class Jsma(Strict):
    """The paper's protocol: every image is driven towards wrong classes by changing few of its features."""

    targets: PositiveInt = Field(description="wrong classes per image")
    features: Share = Field(description="share of the features that may change")


class Distances(Strict):
    """Carlini & Wagner's L2 attack, on logits / T."""

    images: PositiveInt
    steps: PositiveInt = Field(description="gradient steps per search")
    searches: PositiveInt = Field(description="trials for the weight of the margin")
    rate: PositiveFloat = Field(description="learning rate")


class Fooling(Strict):
    """Noise that is driven to a class."""

    images: PositiveInt = Field(description="per class")
    steps: PositiveInt = Field(description="of the sign of the gradient, at most")
    step: Share = Field(description="size of one")
    confidence: Share = Field(description="which counts as fooled, if it is exceeded")


class Settings(Study, extra="forbid"):
    """Models and evaluations, and what only this study has."""

    jsma: Jsma
    distances: Distances
    gradients: PositiveInt = Field(description="test images whose gradients are measured")
    fooling: Fooling

    @field_validator("models")
    @classmethod
    def _both_ends(cls, models: list[str]) -> list[str]:
        for name in (UNDISTILLED, HOTTEST):
            if name not in models:
                raise ValueError(f"the tables of this study need '{name}', too")
        return models

    @field_validator("evaluate")
    @classmethod
    def _all_conditions(cls, evaluate: dict[str, Evaluation]) -> dict[str, Evaluation]:
        for name in CONDITIONS:
            if name not in evaluate:
                raise ValueError(f"the tables of this study need '{name}', too")
        return evaluate

    def distances_on(self, data: str, own: Tailored) -> Distances:
        """The budget of CW-L2 on a data set: what `attacks.cw_l2` says there, and `distances` where it is silent.

        Raises:
            UserError: it has a key that there is not, or a value that cannot be.
        """
        changed = self.distances.model_dump() | own.attacks.get("cw_l2", {})
        try:
            return Distances.model_validate(changed)
        except ValidationError as error:
            place = ("data", data, "studies", "distillation", "attacks", "cw_l2")
            raise UserError(f"params.yaml: {describe(error, changed, place)}") from None
