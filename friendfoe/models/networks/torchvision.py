"""Any torchvision classifier on images of any size and number of channels, and its ResNets for small ones."""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch.nn.functional as F
from pydantic import Field, field_validator
from torch import Tensor, nn

from friendfoe.models.config import LARGE, NetworkConfig, Shape
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest


class TorchvisionConfig(NetworkConfig):
    """Any classifier of torchvision, trained from scratch."""

    kind: Literal["torchvision"]
    label = "{name}"
    name: str = Field(description="a name that torchvision.models.get_model knows, such as resnet18")

    @property
    def seconds(self) -> float:
        """As of a ResNet-18, whichever it is."""
        return LARGE

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in _registered():
            from torchvision import models as zoo

            names = zoo.list_models(module=zoo)  # type: ignore[attr-defined]
            if name not in names:
                raise ValueError(f"is no torchvision classifier; {nearest(name, names)}")
        return name

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network, for grey and small images, too; a UserError unless channels are 1 or 3.

        Images below the smallest size that the architecture can take are resized to it (224x224 for vision
        transformers, which take no other).
        """
        from torchvision import models as zoo

        if shape[0] not in (1, 3):
            raise UserError(f"network '{self.name}' takes images with 1 or 3 channels, and these have {shape[0]}")
        smallest = zoo.get_model_weights(self.name).DEFAULT.meta["min_size"]  # type: ignore[attr-defined]
        resized = self.name.startswith(("vit_", "maxvit")) or shape[1] < smallest[0] or shape[2] < smallest[1]
        options = {"aux_logits": False, "init_weights": True} if self.name in ("googlenet", "inception_v3") else {}
        network = zoo.get_model(self.name, weights=None, num_classes=classes, **options)  # type: ignore[attr-defined]
        return ColourInput(network, smallest if resized else None)


@cache
def _registered() -> frozenset[str]:
    """Names of torchvision's classifiers as its sources have them: to import it takes seconds, for every plan."""
    spec = find_spec("torchvision")
    files = Path(spec.origin).parent.glob("models/*.py") if spec and spec.origin else ()
    pattern = re.compile(r"^@register_model\(.*\)\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
    return frozenset(name for file in files for name in pattern.findall(file.read_text(encoding="utf-8")))


class ResNetConfig(NetworkConfig):
    """ResNet with the stem for images of 32x32; for large ones take torchvision's."""

    kind: Literal["resnet"]
    label = "ResNet-{depth}"
    depth: Literal[18, 34, 50]

    @property
    def seconds(self) -> float:
        """As of a ResNet-18, whichever it is."""
        return LARGE

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The first convolution is 3x3 without stride, and nothing is pooled after it (He et al. 2016, section 4.2)."""
        from torchvision import models as zoo

        network: nn.Module = zoo.get_model(f"resnet{self.depth}", weights=None, num_classes=classes)  # type: ignore[attr-defined]
        network.conv1 = nn.Conv2d(shape[0], 64, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
        network.maxpool = nn.Identity()
        return network


class ColourInput(nn.Module):
    """A network of images [N, 3, H, W] that is given grey ones, repeated to three channels, or such of another size.

    `size` is the height and width that images are resized to; None: as they are.
    """

    any_memory_format = True

    def __init__(self, network: nn.Module, size: tuple[int, int] | None) -> None:
        super().__init__()
        self.network, self.size = network, size

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, 1 or 3, H, W]."""
        if images.shape[1] == 1:
            images = images.expand(-1, 3, -1, -1)
        if self.size is not None:
            images = F.interpolate(images, self.size, mode="bilinear", align_corners=False)
        logits: Tensor = self.network(images)
        return logits
