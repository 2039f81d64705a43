"""Maxout networks (Goodfellow et al. 2013, Maxout networks, ICML): a unit gives the largest of several linear pieces.

They take pixels as they are, as in that paper: its limit on the length of weight vectors is in the unit of the pixels.
"""

from itertools import pairwise
from math import prod
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from friendfoe.models.config import NetworkConfig, Shape, Width

Dropped = Annotated[float, Field(ge=0, lt=1)]

# first weights, as in that paper's code: those usual for ReLU are too large where the largest piece counts
_FIRST = 0.005


class Maxout(nn.Module):
    """The largest of each unit's pieces: values [N, pieces * units, ...] -> [N, units, ...], whatever computes them.

    Channel p * units + u of the input is piece p of unit u.
    """

    any_memory_format = True

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, values: Tensor) -> Tensor:
        """The maximum over the pieces."""
        return values.reshape(len(values), self.pieces, -1, *values.shape[2:]).amax(1)


class _MaxoutConfig(NetworkConfig):
    raw_pixels: ClassVar[bool] = True

    pieces: Width = Field(description="linear functions per unit, of which it gives the largest")
    input_dropout: Dropped = Field(default=0.2, description="share of the pixels that is dropped while training")
    hidden_dropout: Dropped = Field(default=0.5, description="share of the hidden units that is dropped while training")
    output: Literal["softmax", "sigmoids"] = Field(
        default="softmax", description="sigmoids: a probability per class, each alone"
    )

    @property
    def independent(self) -> bool:
        return self.output == "sigmoids"


class MaxoutConfig(_MaxoutConfig):
    """A fully connected maxout network; pixels as they are."""

    kind: Literal["maxout"]
    label = "maxout {units} of {pieces} pieces"
    units: list[Width] = Field(min_length=1, description="of each hidden layer")

    def build(self, shape: Shape, classes: int) -> nn.Sequential:
        """Layers of maxout units with dropout before each, then a linear layer."""
        layers: list[nn.Module] = [nn.Flatten(), nn.Dropout(self.input_dropout)]
        sizes = [prod(shape), *self.units]
        for inputs, units in pairwise(sizes):
            linear = nn.Linear(inputs, units * self.pieces)
            nn.init.uniform_(linear.weight, -_FIRST, _FIRST)
            layers += [linear, Maxout(self.pieces), nn.Dropout(self.hidden_dropout)]
        return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))


class ConvolutionalMaxoutConfig(_MaxoutConfig):
    """A small convolutional maxout network that adapts to the images' size; pixels as they are."""

    kind: Literal["maxout-conv"]
    label = "convolutional maxout of width {width} and {pieces} pieces"
    width: Width = Field(description="channels of the first block; later ones have twice as many")

    def build(self, shape: Shape, classes: int) -> nn.Sequential:
        """Blocks of convolution, maxout, pooling and dropout until 4x4 or less is left, then a linear layer.

        Each block halves height and width; what is dropped after it are whole channels.
        """
        (channels, height, length), width = shape, self.width
        layers: list[nn.Module] = [nn.Dropout(self.input_dropout)]
        while min(height, length) > 4 or len(layers) == 1:
            layers += [
                nn.Conv2d(channels, width * self.pieces, 3, padding=1),
                Maxout(self.pieces),
                nn.MaxPool2d(2, ceil_mode=True),
                nn.Dropout2d(self.hidden_dropout),
            ]
            channels, width = width, 2 * self.width
            height, length = -(-height // 2), -(-length // 2)
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * length, classes))
