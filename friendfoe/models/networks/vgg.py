"""The networks of Papernot et al. (2016, table 1): pairs of convolutions, then dense layers with dropout, as in VGG."""

from itertools import pairwise
from math import prod
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from friendfoe.models.config import NetworkConfig, Shape, Width


class VGGConfig(NetworkConfig):
    """Pairs of 3x3 convolutions, then dense layers with dropout: the networks of defensive distillation."""

    kind: Literal["vgg"]
    label = "VGG {channels} + {dense}"
    channels: list[Width] = Field(min_length=1, description="of the convolutions, a number per pair")
    dense: list[Width] = Field(description="units of each dense layer")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="share of a dense layer's units left out in training")

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """Blocks of two 3x3 convolutions with ReLU and a max-pool, then dense layers with ReLU and dropout.

        Convolutions are not padded, unless the images are so small that nothing would be left of them: then all are.
        """
        channels, height, width = shape
        padding = int(min(self._remaining(height, width, padding=0)) < 1)
        blocks: list[nn.Module] = []
        for inputs, units in pairwise([channels, *self.channels]):
            for size in (inputs, units):
                blocks += [nn.Conv2d(size, units, 3, padding=padding), nn.ReLU()]
            blocks[-1:] = [nn.MaxPool2d(2, ceil_mode=True), nn.ReLU()]  # in this order: a quarter of the work
        sizes = [self.channels[-1] * prod(self._remaining(height, width, padding)), *self.dense]
        layers: list[nn.Module] = []
        for inputs, units in pairwise(sizes):
            layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(self.dropout)]
        return VGG(nn.Sequential(*blocks), nn.Sequential(*layers, nn.Linear(sizes[-1], classes)))

    def _remaining(self, height: int, width: int, padding: int) -> tuple[int, int]:
        """Height and width after the blocks; below 1 where nothing is left."""
        for _ in self.channels:
            height, width = (-(-(side - 4 * (1 - padding)) // 2) for side in (height, width))
        return height, width


class VGG(nn.Module):
    """Convolutions and the dense layers after them, the latter of float32 precision even under autocast.

    After training at temperature T logits are T times as large as usual: in bfloat16 too coarse for a softmax.
    """

    any_memory_format = True

    def __init__(self, features: nn.Sequential, classifier: nn.Sequential) -> None:
        super().__init__()
        self.features, self.classifier = features, classifier

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W]."""
        features = self.features(images).flatten(1)
        with torch.autocast(images.device.type, enabled=False):
            logits: Tensor = self.classifier(features.to(self.classifier[-1].weight.dtype))
        return logits
