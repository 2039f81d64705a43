"""Fully connected networks."""

from math import prod
from typing import Literal

from pydantic import Field, PositiveInt
from torch import nn

from friendfoe.models.config import NetworkConfig, Shape


class MLPConfig(NetworkConfig):
    """A fully connected network with ReLU."""

    label = "MLP {hidden}"

    kind: Literal["mlp"]
    hidden: list[PositiveInt] = Field(description="units of each hidden layer; empty: softmax regression")

    def build(self, shape: Shape, classes: int) -> nn.Sequential:
        """Linear layers with ReLU between them."""
        layers: list[nn.Module] = [nn.Flatten()]
        inputs = prod(shape)
        for units in self.hidden:
            layers += [nn.Linear(inputs, units), nn.ReLU()]
            inputs = units
        return nn.Sequential(*layers, nn.Linear(inputs, classes))
