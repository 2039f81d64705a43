"""Fully connected networks."""

from collections.abc import Sequence

from torch import nn


def mlp(shape: tuple[int, int, int], classes: int, hidden: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them; no hidden layer gives softmax regression."""
    channels, height, width = shape
    layers: list[nn.Module] = [nn.Flatten()]
    inputs = channels * height * width
    for units in hidden:
        layers += [nn.Linear(inputs, units), nn.ReLU()]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, classes))
