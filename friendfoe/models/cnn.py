"""The small convolutional network of the default recipes."""

from torch import Tensor, nn


class CNN(nn.Module):
    """Blocks of convolution, batch norm, ReLU and max-pooling until 4x4 or less is left, then a linear layer.

    Each block halves height and width and doubles the channels, so that 8x8 digits get one block, 28x28 three and
    224x224 six, each with the same code. The first convolution keeps the full resolution on few channels, because
    that is where a CPU spends its time.

    Args:
        shape: channels, height and width of the images.
        classes: K, the number of logits.
        width: channels of the first block.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int) -> None:
        super().__init__()
        channels, height, length = shape
        blocks: list[nn.Module] = []
        while min(height, length) > 4 or not blocks:
            blocks += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.MaxPool2d(2, ceil_mode=True),  # before norm and ReLU: a quarter of their work
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels, width = width, 2 * width
            height, length = -(-height // 2), -(-length // 2)
        self.features = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels * height * length, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W]."""
        logits: Tensor = self.classifier(self.features(images).flatten(1))
        return logits
