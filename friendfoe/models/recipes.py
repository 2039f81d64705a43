"""What params.yaml says of a network."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator
from typing_extensions import Self

from friendfoe.runtime.strict import Strict

Dropped = Annotated[float, Field(ge=0, lt=1)]


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
    dropout: float = Field(
        default=0.5, ge=0, lt=1, description="share of a dense layer's units left out while training"
    )


class PreActResNet18(Strict):
    """PreActResNet-18 with the stem for images of 32x32."""

    kind: Literal["preact_resnet18"]
    width: PositiveInt = Field(default=64, description="channels of the first stage; 64 is the network of the papers")


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


class ResNet(Strict):
    """ResNet with the stem for images of 32x32; for large ones take torchvision's."""

    kind: Literal["resnet"]
    depth: Literal[18, 34, 50]


class _Maxout(Strict):
    pieces: PositiveInt = Field(description="linear functions per unit, of which it gives the largest")
    input_dropout: Dropped = Field(default=0.2, description="share of the pixels that is dropped while training")
    hidden_dropout: Dropped = Field(default=0.5, description="share of the hidden units that is dropped while training")
    output: Literal["softmax", "sigmoids"] = Field(
        default="softmax", description="sigmoids: a probability per class, each alone"
    )


class Maxout(_Maxout):
    """A fully connected maxout network; pixels as they are."""

    kind: Literal["maxout"]
    units: list[PositiveInt] = Field(min_length=1, description="of each hidden layer")


class ConvolutionalMaxout(_Maxout):
    """A small convolutional maxout network that adapts to the images' size; pixels as they are."""

    kind: Literal["maxout-conv"]
    width: PositiveInt = Field(description="channels of the first block; later ones have twice as many")


class RBF(Strict):
    """A shallow radial-basis network, a template and a probability per class; pixels as they are."""

    kind: Literal["rbf"]


class Logistic(Strict):
    """Logistic regression on two classes; pixels as they are."""

    kind: Literal["logistic"]


Single = Annotated[
    CNN
    | MLP
    | Torchvision
    | VGG
    | PreActResNet18
    | WideResNet
    | ResNet
    | Maxout
    | ConvolutionalMaxout
    | RBF
    | Logistic,
    Field(discriminator="kind"),
]


class Ensemble(Strict):
    """Several networks of one kind; the mean of their probabilities."""

    kind: Literal["ensemble"]
    members: PositiveInt = Field(description="how many networks")
    of: Single = Field(description="each of them")

    @field_validator("of")
    @classmethod
    def _adds_up(cls, of: Single) -> Single:
        if independent(of):
            raise ValueError("the probabilities of a member must add up to one, to be averaged; take another network")
        return of


Network = Annotated[Single | Ensemble, Field(discriminator="kind")]


def independent(network: Network) -> bool:
    """Whether each class has a probability of its own (a sigmoid), and they need not add up to one."""
    return isinstance(network, RBF) or (isinstance(network, _Maxout) and network.output == "sigmoids")
