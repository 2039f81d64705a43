"""Fully connected networks."""

from itertools import pairwise
from math import prod
from typing import Literal

from pydantic import Field
from torch import nn

from friendfoe.models.config import NetworkConfig, Shape, Width


class MLPConfig(NetworkConfig):
    """A fully connected network with ReLU."""

    kind: Literal["mlp"]
    label = "MLP {hidden}"
    hidden: list[Width] = Field(description="units of each hidden layer; empty: softmax regression")

    def build(self, shape: Shape, classes: int) -> nn.Sequential:
        """Linear layers with ReLU between them."""
        sizes = [prod(shape), *self.hidden]
        layers = [layer for inputs, units in pairwise(sizes) for layer in (nn.Linear(inputs, units), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], classes))
