"""Maxout networks (Goodfellow et al. 2013, Maxout networks, ICML): a unit gives the largest of several linear pieces.

They take pixels as they are, as in that paper: its limit on the length of weight vectors is in the unit of the pixels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

_FIRST = (
    0.005  # first weights, as in that paper's code: those usual for ReLU are too large where the largest piece counts
)


class Maxout(nn.Module):
    """The largest of each unit's pieces: values [N, pieces * units, ...] -> [N, units, ...], whatever computes them.

    Args:
        pieces: per unit; channel p * units + u of the input is piece p of unit u.
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, values: Tensor) -> Tensor:
        """The maximum over the pieces."""
        return values.reshape(len(values), self.pieces, -1, *values.shape[2:]).amax(1)


def maxout(
    shape: tuple[int, int, int], classes: int, units: Sequence[int], pieces: int, dropout: tuple[float, float]
) -> nn.Sequential:
    """A fully connected maxout network.

    Args:
        shape: channels, height and width of the images.
        classes: K, the number of logits.
        units: of each hidden layer.
        pieces: per unit.
        dropout: shares of the pixels and of the hidden units that are dropped while training.
    """
    channels, height, width = shape
    layers: list[nn.Module] = [nn.Flatten(), nn.Dropout(dropout[0])]
    inputs = channels * height * width
    for number in units:
        linear = nn.Linear(inputs, number * pieces)
        nn.init.uniform_(linear.weight, -_FIRST, _FIRST)
        layers += [linear, Maxout(pieces), nn.Dropout(dropout[1])]
        inputs = number
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


class ConvolutionalMaxout(nn.Module):
    """Blocks of convolution, maxout over its channels and pooling, until 4x4 or less is left, then a linear layer.

    Each block halves height and width; later blocks have twice the channels of the first.

    Args:
        shape: channels, height and width of the images.
        classes: K, the number of logits.
        width: channels of the first block.
        pieces: per channel.
        dropout: shares of the pixels and of the channels that are dropped while training.
    """

    def __init__(
        self, shape: tuple[int, int, int], classes: int, width: int, pieces: int, dropout: tuple[float, float]
    ) -> None:
        super().__init__()
        channels, height, length = shape
        blocks: list[nn.Module] = [nn.Dropout(dropout[0])]
        wide = width
        while min(height, length) > 4 or len(blocks) == 1:
            blocks += [
                nn.Conv2d(channels, wide * pieces, 3, padding=1),
                Maxout(pieces),
                nn.MaxPool2d(2, ceil_mode=True),
                nn.Dropout2d(dropout[1]),
            ]
            channels, wide = wide, 2 * width
            height, length = -(-height // 2), -(-length // 2)
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels * height * length, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W]."""
        logits: Tensor = self.classifier(torch.flatten(self.features(images), 1))
        return logits
