"""The usual augmentation of small colour images: random crops and horizontal flips."""

import torch
import torch.nn.functional as F
from torch import Tensor

from friendfoe.attacks.noise import uniform

PADDING = 4  # pixels of black on every side, from which a crop of the old size is cut


def crop_and_flip(images: Tensor, samples: Tensor, seed: int) -> Tensor:
    """Each image shifted by up to 4 pixels in both directions, black coming in, and half of them mirrored.

    Args:
        images: [N, C, H, W].
        samples: int64 [N]; what is drawn for an image depends on the seed and on its identity alone.
        seed: of the step.
    """
    count, channels, height, width = images.shape
    drawn = uniform(seed, samples, 3, stream=1)  # the attacks of the same step draw from stream 0
    top, left = (drawn[:, :2] * (2 * PADDING + 1)).long().unbind(1)
    rows = top.unsqueeze(1) + torch.arange(height, device=images.device)
    columns = left.unsqueeze(1) + torch.arange(width, device=images.device)
    mirrored = drawn[:, 2:] < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    padded = F.pad(images, (PADDING,) * 4)
    which = torch.arange(count, device=images.device).view(-1, 1, 1, 1)
    channel = torch.arange(channels, device=images.device).view(1, -1, 1, 1)
    return padded[which, channel, rows.view(count, 1, -1, 1), columns.view(count, 1, 1, -1)]
