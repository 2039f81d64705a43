"""What params.yaml says of a network."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from friendfoe.runtime.strict import Strict


class CNN(Strict):
    """A small convolutional network with batch norm that adapts to the size and channels of the images."""

    kind: Literal["cnn"]
    width: PositiveInt = Field(description="channels of the first block; each later block doubles them")


class MLP(Strict):
    """A fully connected network with ReLU."""

    kind: Literal["mlp"]
    hidden: list[PositiveInt] = Field(description="units of each hidden layer; empty: softmax regression")


class Torchvision(Strict):
    """Any classifier of torchvision, trained from scratch."""

    kind: Literal["torchvision"]
    name: str = Field(description="a name that torchvision.models.get_model knows, such as resnet18")


Network = Annotated[CNN | MLP | Torchvision, Field(discriminator="kind")]
