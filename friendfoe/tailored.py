"""What a study has of its own on a data set: `data.D.studies.S` in params.yaml."""

from typing import Annotated, Any

from pydantic import Field, PositiveFloat, PositiveInt, TypeAdapter

from friendfoe.attacks.recipes import Recipe
from friendfoe.models.recipes import Network
from friendfoe.runtime.strict import Strict
from friendfoe.training.recipes import Name

Eps = Annotated[float, Field(ge=0, le=1)]

_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)


class Crafting(Strict):
    """The attack that a network is trained against, step by step."""

    steps: PositiveInt = 10
    step: PositiveFloat = Field(default=0.25, description="size of a step as a share of eps")


class OfModel(Strict):
    """What of a model's recipe is different on a data set."""

    network: Network | None = Field(default=None, description="in place of the recipe's")
    training: dict[str, Any] = Field(default={}, description="keys of `training` that differ")


class Tailored(Strict):
    """What a study changes on a data set: the size of the perturbations and the budgets."""

    eps: Eps
    crafting: Crafting = Crafting()
    replicates: PositiveInt | None = Field(default=None, description="in place of the data set's")
    network: Network | None = Field(default=None, description="in place of the data set's")
    training: dict[str, Any] = Field(
        default={}, description="keys of the data set's `training` that differ in this study"
    )
    sizes: dict[Name, OfModel] = Field(
        default={}, description="network sizes, from small to large: each model of the study is trained at every one"
    )
    models: dict[Name, OfModel] = Field(default={}, description="what differs for one model of the study")
    attacks: dict[Name, dict[str, Any]] = Field(
        default={}, description="kind of attack -> settings that differ wherever this study uses it"
    )
    share: float = Field(default=1.0, gt=0, le=1, description="of the training images that its models are trained on")
    remark: str | None = Field(default=None, description="what has to be known of it, a sentence below every table")
    images: PositiveInt | None = Field(default=None, description="how many test images are attacked; null: all")

    def recipe(self, condition: Recipe) -> Recipe:
        """A condition with the settings that its kind of attack has on this data set.

        Raises:
            ValidationError: the attack has no such setting, or not such a value.
        """
        changed = self.attacks.get(condition.attack)
        return _RECIPE.validate_python(condition.model_dump(exclude_unset=True) | changed) if changed else condition
