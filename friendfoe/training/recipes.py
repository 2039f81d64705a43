"""What params.yaml says of training: the budget of a data set, and the recipe of a model."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, StringConstraints

from friendfoe.models.recipes import Network
from friendfoe.runtime.strict import Strict

# plain words, so that DVC's stage names (KIND@DATA-MODEL) stay readable
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(-[a-z0-9_]+)*$")]


class Training(Strict):
    """How long and with what optimiser a network is trained."""

    epochs: PositiveInt
    batch: PositiveInt = Field(description="images per step")
    optimizer: Literal["sgd", "adamw"] = Field(description="sgd is with Nesterov momentum")
    learning_rate: PositiveFloat = Field(description="the highest of the schedule")
    momentum: NonNegativeFloat = Field(0.9, lt=1, description="of sgd, or beta 1 of adamw")
    weight_decay: NonNegativeFloat = 0.0
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"


class Recipe(Strict):
    """What the recipe of every model may say; each method adds its own settings."""

    images: list[Name] = Field(
        min_length=1, description="`train` (the clean training images) and names of perturbed training sets"
    )
    share: float = Field(
        1.0, gt=0, le=1, description="of each set in `images`; the sets take consecutive slices of one random order"
    )
    network: Network | None = Field(None, description="in place of the data set's network")
    training: dict[str, Any] = Field({}, description="keys of the data set's `training` that differ for this model")


class Standard(Recipe):
    """Cross-entropy on the images as they are."""

    method: Literal["standard"]


Model = Standard  # a union over `method` once there are more
