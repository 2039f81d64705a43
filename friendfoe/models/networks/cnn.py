"""The small convolutional network of the default settings."""

from typing import Literal

from pydantic import Field
from torch import nn

from friendfoe.models.config import NetworkConfig, Shape, Width


class CNNConfig(NetworkConfig):
    """A small convolutional network with batch norm that adapts to the size and channels of the images."""

    kind: Literal["cnn"]
    label = "CNN of width {width}"
    width: Width = Field(description="channels of the first block; each later block doubles them")

    def build(self, shape: Shape, classes: int) -> nn.Sequential:
        """Blocks of convolution, max-pooling, batch norm and ReLU until 4x4 or less is left, then a linear layer.

        Each block halves height and width and doubles the channels, so that 8x8 digits get one block, 28x28 three and
        224x224 six, each with the same code. The first convolution keeps the full resolution on few channels, because
        that is where a CPU spends its time.
        """
        (channels, height, length), width = shape, self.width
        layers: list[nn.Module] = []
        while min(height, length) > 4 or not layers:
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.MaxPool2d(2, ceil_mode=True),  # before norm and ReLU: a quarter of their work
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels, width = width, 2 * width
            height, length = -(-height // 2), -(-length // 2)
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * length, classes))
