"""Residual networks with pre-activation for small colour images: PreActResNet-18 and WideResNet."""

from collections.abc import Sequence
from typing import Literal

import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn
from typing_extensions import Self

from friendfoe.models.config import LARGE, NetworkConfig, Shape, Width


class PreActResNet18Config(NetworkConfig):
    """PreActResNet-18 with the stem for images of 32x32."""

    kind: Literal["preact_resnet18"]
    label = "PreActResNet-18 of width {width}"
    width: Width = Field(default=64, description="channels of the first stage; 64 is the network of the papers")

    @property
    def seconds(self) -> float:
        """In proportion to its weights."""
        return LARGE * (self.width / 64) ** 2

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """Four stages of two blocks, each with twice the channels of the one before."""
        widths = [self.width * 2**stage for stage in range(4)]
        return PreActResNet(shape, classes, stem=self.width, widths=widths, blocks=2)


class WideResNetConfig(NetworkConfig):
    """WideResNet for images of 32x32; WideResNet-28-10 is depth 28, width 10."""

    kind: Literal["wide_resnet"]
    label = "WideResNet-{depth}-{width}"
    depth: Width = Field(description="6 n + 4 for n blocks per stage, at least 10")
    width: Width = Field(description="factor on the channels 16, 32, 64")

    @property
    def seconds(self) -> float:
        """In proportion to its weights."""
        return LARGE * self.depth / 18 * (self.width / 4) ** 2

    @model_validator(mode="after")
    def _whole_blocks(self) -> Self:
        if self.depth < 10 or self.depth % 6 != 4:
            raise ValueError(f"depth: must be 10, 16, 22, 28, ... (6 n + 4), got {self.depth}")
        return self

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """Three stages, as deep as each other, without dropout (Zagoruyko & Komodakis 2016)."""
        widths = [self.width * channels for channels in (16, 32, 64)]
        return PreActResNet(shape, classes, stem=16, widths=widths, blocks=(self.depth - 4) // 6)


class PreActivation(nn.Module):
    """Batch norm, ReLU and convolution, twice, beside a shortcut (He et al. 2016, arXiv 1603.05027).

    Where the size changes, the shortcut is a 1x1 convolution of what the first ReLU gives.
    """

    any_memory_format = True

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        same = stride == 1 and inputs == outputs
        self.stride = stride
        self.shortcut = None if same else nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Features [N, C', H', W'] of features [N, C, H, W]."""
        active = F.relu(self.norm1(x))
        # the pixels of the stride are chosen before the shortcut: with few channels, oneDNN's strided 1x1 convolution
        # (torch 2.14) writes beyond its memory in the backward pass. Pooling each alone chooses them with the same bits
        # as slices, whose gradient is in another memory format
        chosen = active if self.stride == 1 else F.avg_pool2d(active, 1, self.stride)
        shortcut = x if self.shortcut is None else self.shortcut(chosen)
        y: Tensor = self.conv2(F.relu(self.norm2(self.conv1(active))))
        return y + shortcut


class PreActResNet(nn.Module):
    """A 3x3 convolution at full resolution, stages of blocks of which all but the first halve it, and a linear layer.

    Made for images of 32x32, it takes any size of 8 or more. `stem` are the channels of the first convolution, `widths`
    those of each stage, `blocks` how many there are in a stage.
    """

    any_memory_format = True

    def __init__(self, shape: Shape, classes: int, *, stem: int, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(shape[0], stem, 3, padding=1, bias=False)
        layers: list[nn.Module] = []
        inputs = stem
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(PreActivation(inputs, width, 2 if stage and not block else 1))
                inputs = width
        self.blocks = nn.Sequential(*layers)
        self.norm = nn.BatchNorm2d(inputs)
        self.classifier = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W]."""
        features = F.relu(self.norm(self.blocks(self.stem(images))))
        logits: Tensor = self.classifier(features.mean((2, 3)))
        return logits
