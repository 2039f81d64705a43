"""How training images are augmented: random crops and flips, or what torchvision knows of strong augmentation."""

from collections.abc import Iterable
from itertools import chain, product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from friendfoe import runtime
from friendfoe.runtime.draws import Seed, uniform
from friendfoe.training.job import Augmentation

PADDING = 4  # pixels of black on every side, from which a crop of the old size is cut
_LARGE = 64  # pixels; from here on AutoAugment follows the policy that was found on ImageNet, below that on CIFAR-10


def augmented(kind: Augmentation | None, images: Tensor, sample_ids: Tensor, seed: Seed) -> Tensor:
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


def is_batched(kind: Augmentation | None) -> bool:
    """Whether a whole batch goes through the same operations, whatever its images draw."""
    return kind in (None, "crop-flip")


def import_for(kinds: Iterable[Augmentation | None]) -> None:
    """Import what these need, 1.6 s: before processes fork, which would do it each for itself."""
    if not all(map(is_batched, kinds)):
        _v2()


def crop_and_flip(images: Tensor, sample_ids: Tensor, seed: Seed) -> Tensor:
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


def _strong(kind: Augmentation, images: Tensor, sample_ids: Tensor, seed: Seed) -> Tensor:
    """Operations and policies are torchvision's, which would do the same to a whole batch; each image draws its own."""
    levels = (images * 255).round().to(torch.uint8)
    changed = _augmix(levels, sample_ids, seed) if kind == "augmix" else _in_groups(kind, levels, sample_ids, seed)
    return changed.to(images) / 255


def _in_groups(kind: Augmentation, levels: Tensor, sample_ids: Tensor, seed: Seed) -> Tensor:
    """Each image draws a policy, whether its two operations are done, and their signs.

    Images that have drawn the same operation go through it together.
    """
    height, width = levels.shape[-2:]
    transform, policies, bins = _policies(kind, min(height, width))
    ranges = {name: (of(bins, height, width), signed) for name, (of, signed) in transform._AUGMENTATION_SPACE.items()}
    draws = uniform(seed, sample_ids, 5, stream=1).tolist()
    for place in range(2):
        groups: dict[tuple[str, float], list[int]] = {}
        for row, (policy, *draw) in enumerate(draws):
            name, probability, strength = policies[int(policy * len(policies))][place]
            if draw[place] < probability:
                magnitudes, signed = ranges[name]
                magnitude = 0.0 if magnitudes is None else float(magnitudes[strength])
                sign = -1 if signed and draw[2 + place] < 0.5 else 1
                groups.setdefault((name, sign * magnitude), []).append(row)
        every = torch.tensor(
            [*chain(*groups.values())], dtype=torch.int64, device=levels.device
        )  # a GPU gets them once
        for (name, magnitude), rows in zip(groups, torch.split(every, [*map(len, groups.values())]), strict=True):
            levels[rows] = transform._apply_image_or_video_transform(
                levels[rows], name, magnitude, transform.interpolation, transform._fill
            )
    return levels


def _policies(kind: Augmentation, side: int) -> tuple[Any, list[Any], int]:
    """torchvision's transform, its policies (two operations: name, probability, strength), the number of strengths."""
    v2 = _v2()
    if kind == "autoaugment":  # Cubuk et al. 2019
        policy = v2.AutoAugmentPolicy
        transform = v2.AutoAugment(policy.IMAGENET if side >= _LARGE else policy.CIFAR10)
        return transform, transform._policies, 10
    transform = v2.RandAugment()  # Cubuk et al. 2020
    operations = [(name, 1.0, transform.magnitude) for name in transform._AUGMENTATION_SPACE]
    return transform, list(product(operations, repeat=2)), transform.num_magnitude_bins


def _augmix(levels: Tensor, sample_ids: Tensor, seed: Seed) -> Tensor:
    """AugMix (Hendrycks et al. 2020): one image at a time, on the CPU, which draws for all."""
    transform, images = _v2().AugMix(), levels.cpu()
    changed = torch.empty_like(images)
    with torch.random.fork_rng(devices=[]):
        for image, result, sample_id in zip(images, changed, sample_ids.tolist(), strict=True):
            # torch's own generator is of GPUs, too
            torch.default_generator.manual_seed(runtime.seed("augmentation", int(seed), sample_id))
            result.copy_(transform(image))
    return changed


def _v2() -> Any:
    import torchvision.transforms.v2

    return torchvision.transforms.v2  # untyped: it does not say what it exports
