"""How training images are augmented: random crops and flips, or what torchvision knows of strong augmentation."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from friendfoe.runtime.draws import Seed, uniform
from friendfoe.training.job import Augmentation
from friendfoe.training.strong_augmentation import strongly, transforms

PADDING = 4  # pixels of black on every side, from which a crop of the old size is cut


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
    return crop_and_flip(images, sample_ids, seed) if kind == "crop-flip" else strongly(kind, images, sample_ids, seed)


def import_for(kinds: Iterable[Augmentation | None]) -> None:
    """Import what these need, 1.6 s: before processes fork, which would do it each for itself."""
    if any(kind not in (None, "crop-flip") for kind in kinds):
        transforms()


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
