"""Fully connected networks whose units saturate: sigmoid and tanh."""

from itertools import pairwise
from math import prod
from typing import Literal

from pydantic import Field
from torch import nn

from friendfoe.models.config import NetworkConfig, Shape, Width

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


class SaturatingConfig(NetworkConfig):
    """A fully connected network of units that are smooth and saturate."""

    kind: Literal["saturating"]
    label = "{activation} network {hidden}"
    hidden: list[Width] = Field(min_length=1, description="units of each hidden layer")
    activation: Literal["sigmoid", "tanh"]

    def build(self, shape: Shape, classes: int) -> nn.Sequential:
        """Linear layers with the activation between them; first weights after Glorot & Bengio (2010).

        Their limit is four times as high for sigmoids, whose slope is a quarter: with less, signals die out.
        """
        sizes = [prod(shape), *self.hidden]
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, units in pairwise(sizes):
            linear = nn.Linear(inputs, units)
            nn.init.xavier_uniform_(linear.weight, gain=4 if self.activation == "sigmoid" else 1)
            nn.init.zeros_(linear.bias)
            layers += [linear, ACTIVATIONS[self.activation]()]
        return nn.Sequential(*layers, nn.Linear(sizes[-1], classes))
