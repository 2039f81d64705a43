"""What params.yaml says of a network."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator
from typing_extensions import Self

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


class VGG(Strict):
    """Pairs of 3x3 convolutions, then dense layers with dropout: the networks of defensive distillation."""

    kind: Literal["vgg"]
    channels: list[PositiveInt] = Field(min_length=1, description="of the convolutions, a number per pair")
    dense: list[PositiveInt] = Field(description="units of each dense layer")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of a dense layer's units left out while training")


class PreActResNet18(Strict):
    """PreActResNet-18 with the stem for images of 32x32."""

    kind: Literal["preact_resnet18"]


class WideResNet(Strict):
    """WideResNet for images of 32x32; WideResNet-28-10 is depth 28, width 10."""

    kind: Literal["wide_resnet"]
    depth: PositiveInt = Field(description="6 n + 4 for n blocks per stage, at least 10")
    width: PositiveInt = Field(description="factor on the channels 16, 32, 64")

    @model_validator(mode="after")
    def _whole_blocks(self) -> Self:
        if self.depth < 10 or self.depth % 6 != 4:
            raise ValueError(f"depth: must be 10, 16, 22, 28, ... (6 n + 4), got {self.depth}")
        return self


Network = Annotated[
    CNN | MLP | Torchvision | VGG | PreActResNet18 | WideResNet,
    Field(discriminator="kind"),
]
