"""How training images are augmented: random crops and flips, or what torchvision knows of strong augmentation."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from friendfoe import runtime
from friendfoe.runtime.draws import uniform
from friendfoe.training.job import Augmentation

PADDING = 4  # pixels of black on every side, from which a crop of the old size is cut
_LARGE = 64  # pixels; from here on AutoAugment follows the policy that was found on ImageNet, below that on CIFAR-10


def augmented(kind: Augmentation | None, images: Tensor, sample_ids: Tensor, seed: int) -> Tensor:
    """Images as one step of training sees them.

    Args:
        kind: how they are augmented; None: not at all.
        images: float [N, 1 or 3, H, W] in [0, 1].
        sample_ids: int64 [N]; what is drawn for an image depends on the seed and on its identity alone, so that a step
            that is taken up again sees the same images, whoever shares it. Global random states stay as they are.
        seed: of the step.

    Returns:
        Likewise. Strong augmentation gives multiples of 1/255, as it works on 8-bit values.
    """
    if kind is None:
        return images
    return crop_and_flip(images, sample_ids, seed) if kind == "crop-flip" else _strong(kind, images, sample_ids, seed)


def crop_and_flip(images: Tensor, sample_ids: Tensor, seed: int) -> Tensor:
    """Each image shifted by up to 4 pixels in both directions, black coming in, and half of them mirrored.

    Args:
        images: [N, C, H, W].
        sample_ids: int64 [N]; what is drawn for an image depends on the seed and on its identity alone.
        seed: of the step.
    """
    count, channels, height, width = images.shape
    draws = uniform(seed, sample_ids, 3, stream=1)  # the attacks of the same step draw from stream 0
    top, left = (draws[:, :2] * (2 * PADDING + 1)).long().unbind(1)
    rows = top.unsqueeze(1) + torch.arange(height, device=images.device)
    columns = left.unsqueeze(1) + torch.arange(width, device=images.device)
    mirrored = draws[:, 2:] < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    padded = F.pad(images, (PADDING,) * 4)
    row = torch.arange(count, device=images.device).view(-1, 1, 1, 1)
    channel = torch.arange(channels, device=images.device).view(1, -1, 1, 1)
    return padded[row, channel, rows.view(count, 1, -1, 1), columns.view(count, 1, 1, -1)]


def _strong(kind: Augmentation, images: Tensor, sample_ids: Tensor, seed: int) -> Tensor:
    """One image at a time: to a batch, torchvision would do the same as a whole. On the CPU, which draws for all."""
    transform = _transform(kind, min(images.shape[-2:]))
    levels = (images * 255).round().to(torch.uint8).cpu()
    changed = torch.empty_like(levels)
    with torch.random.fork_rng(devices=[]):
        for image, result, sample_id in zip(levels, changed, sample_ids.tolist(), strict=True):
            state = runtime.seed("augmentation", seed, sample_id)
            torch.default_generator.manual_seed(state)  # torch's own is of GPUs, too
            result.copy_(transform(image))
    return changed.to(images.device).to(images) / 255


def _transform(kind: Augmentation, side: int) -> Any:
    """AutoAugment (Cubuk et al. 2019), RandAugment (Cubuk et al. 2020) or AugMix (Hendrycks et al. 2020)."""
    import torchvision.transforms.v2

    v2: Any = torchvision.transforms.v2  # untyped: it does not say what it exports
    if kind == "autoaugment":
        return v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET if side >= _LARGE else v2.AutoAugmentPolicy.CIFAR10)
    return v2.RandAugment() if kind == "randaugment" else v2.AugMix()
