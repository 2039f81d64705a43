"""The networks of Papernot et al. (2016, table 1): pairs of convolutions, then dense layers with dropout, as in VGG."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class VGG(nn.Module):
    """Blocks of two 3x3 convolutions with ReLU and a max-pool, then dense layers with ReLU and dropout.

    Convolutions are not padded, unless the images are so small that nothing would be left of them: then all are.

    Args:
        shape: channels, height and width of the images.
        classes: K, the number of logits.
        channels: of the convolutions, a number per block.
        dense: units of the dense layers.
        dropout: share of the units of each dense layer that a training step leaves out.
    """

    def __init__(
        self, shape: tuple[int, int, int], classes: int, channels: Sequence[int], dense: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        inputs, height, width = shape
        padding = int(min(_left(height, width, len(channels), padding=0)) < 1)
        blocks: list[nn.Module] = []
        for units in channels:
            for size in (inputs, units):
                blocks += [nn.Conv2d(size, units, 3, padding=padding), nn.ReLU()]
            blocks[-1:] = [nn.MaxPool2d(2, ceil_mode=True), nn.ReLU()]  # in this order: a quarter of the work
            inputs = units
        height, width = _left(height, width, len(channels), padding)
        inputs *= height * width
        layers: list[nn.Module] = []
        for units in dense:
            layers += [nn.Linear(inputs, units), nn.ReLU(), nn.Dropout(dropout)]
            inputs = units
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Sequential(*layers, nn.Linear(inputs, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W], of float32 precision even under autocast.

        After training at temperature T they are T times as large as usual: in bfloat16 too coarse for a softmax.
        """
        features = self.features(images).flatten(1)
        with torch.autocast(images.device.type, enabled=False):
            logits: Tensor = self.classifier(features.to(self.classifier[-1].weight.dtype))
        return logits


def _left(height: int, width: int, blocks: int, padding: int) -> tuple[int, int]:
    """Height and width after the blocks; below 1 where nothing is left."""
    for _ in range(blocks):
        height, width = (-(-(side - 4 * (1 - padding)) // 2) for side in (height, width))
    return height, width
