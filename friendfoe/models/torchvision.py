"""Any torchvision classifier on images of any size and number of channels, and its ResNets for small ones."""

import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest


class TorchvisionClassifier(nn.Module):
    """A torchvision network with random weights that takes grey images and small ones, too.

    Grey images are repeated to three channels. Images below the smallest size that the architecture can take are
    resized to it (224x224 for vision transformers, which take no other).

    Args:
        shape: channels (1 or 3), height and width of the images.
        classes: K, the number of logits.
        name: the architecture, as `torchvision.models.get_model` knows it.

    Raises:
        UserError: there is no such classifier, or the images have neither 1 nor 3 channels.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, name: str) -> None:
        super().__init__()
        from torchvision import models as zoo

        names = zoo.list_models(module=zoo)  # type: ignore[attr-defined]
        if name not in names:
            raise UserError(f"network '{name}' is no torchvision classifier; {nearest(name, names)}")
        if shape[0] not in (1, 3):
            raise UserError(f"network '{name}' takes images with 1 or 3 channels, and these have {shape[0]}")
        smallest = zoo.get_model_weights(name).DEFAULT.meta["min_size"]  # type: ignore[attr-defined]
        fixed = name.startswith(("vit_", "maxvit"))
        self.resize = smallest if fixed or shape[1] < smallest[0] or shape[2] < smallest[1] else None
        options = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
        self.network = zoo.get_model(name, weights=None, num_classes=classes, **options)  # type: ignore[attr-defined]

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images [N, C, H, W]."""
        if images.shape[1] == 1:
            images = images.expand(-1, 3, -1, -1)
        if self.resize is not None:
            images = F.interpolate(images, self.resize, mode="bilinear", align_corners=False)
        logits: Tensor = self.network(images)
        return logits


def small_resnet(shape: tuple[int, int, int], classes: int, depth: int) -> nn.Module:
    """torchvision's ResNet-18, 34 or 50 with the stem for images of 32x32 (He et al. 2016, section 4.2).

    The first convolution is 3x3 without stride, and nothing is pooled after it.
    """
    from torchvision import models as zoo

    network: nn.Module = zoo.get_model(f"resnet{depth}", weights=None, num_classes=classes)  # type: ignore[attr-defined]
    network.conv1 = nn.Conv2d(shape[0], 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.maxpool = nn.Identity()
    return network
