"""Two convolutions and two dense layers on pixels as they are: the network that libraries begin their manuals with.

With 4 and 10 channels and 100 units it is that of `examples/get_started_pytorch.py` of the Adversarial Robustness
Toolbox, the library of the assistive article (https://github.com/Trusted-AI/adversarial-robustness-toolbox).
"""

from itertools import pairwise
from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from friendfoe.models.config import NetworkConfig, Shape, Width


class ConvNetConfig(NetworkConfig):
    """5x5 convolutions, each followed by ReLU and a max-pool, then a dense layer; without normalisation."""

    kind: Literal["convnet"]
    label = "ConvNet {channels} + [{dense}]"
    raw_pixels: ClassVar[bool] = True
    channels: list[Width] = Field(min_length=1, description="of each convolution")
    dense: Width = Field(description="units of the dense layer")

    def build(self, shape: Shape, classes: int) -> nn.Sequential:
        """Convolutions are not padded, unless the images are so small that nothing would be left: then all are."""
        channels, height, width = shape
        padding = 0 if min(self._remaining(height, width, padding=0)) >= 1 else 2
        layers: list[nn.Module] = []
        for inputs, units in pairwise([channels, *self.channels]):
            layers += [nn.Conv2d(inputs, units, 5, padding=padding), nn.MaxPool2d(2, ceil_mode=True), nn.ReLU()]
        height, width = self._remaining(height, width, padding)
        last = self.channels[-1] * height * width
        return nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(last, self.dense), nn.ReLU(), nn.Linear(self.dense, classes)
        )

    def _remaining(self, height: int, width: int, padding: int) -> tuple[int, int]:
        """Height and width after the convolutions; below 1 where nothing is left."""
        for _ in self.channels:
            height, width = (-(-(side - 4 + 2 * padding) // 2) for side in (height, width))
        return height, width
