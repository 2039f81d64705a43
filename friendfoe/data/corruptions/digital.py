"""What cameras, screens and files do: contrast, coarse pixels, JPEG. Hendrycks & Dietterich 2019, section 4."""

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from friendfoe.data.corruptions.contract import Draws, constants


@constants(share=([0.75, 0.5, 0.4, 0.3, 0.15], [0.4, 0.3, 0.2, 0.1, 0.05]))
def contrast(images: Tensor, draws: Draws, share: float) -> Tensor:
    """Keep a share of the distance from each channel's mean."""
    mean = images.mean((2, 3), keepdim=True)
    return mean + share * (images - mean)


@constants(share=([0.95, 0.9, 0.85, 0.75, 0.65], [0.6, 0.5, 0.4, 0.3, 0.25]))
def pixelate(images: Tensor, draws: Draws, share: float) -> Tensor:
    """Shrink to a share of the side by averaging, and enlarge by repeating pixels.

    Along a side the blocks of pixels are as long as each other to within one.
    """
    for dim, shape in ((2, (-1, 1)), (3, (1, -1))):
        size = images.shape[dim]
        blocks = max(1, int(size * share))
        block = (2 * torch.arange(size, device=images.device) + 1) * blocks // (2 * size)  # of each place
        lengths = block.bincount(minlength=blocks)
        starts = lengths.cumsum(0) - lengths
        total = torch.zeros_like(images.narrow(dim, 0, blocks))
        for offset in range(int(lengths.max())):
            values = images.index_select(dim, (starts + offset).clamp_max(size - 1))
            total += values * (offset < lengths).view(shape)
        images = (total / lengths.view(shape)).index_select(dim, block)
    return images


@constants(quality=([80, 65, 58, 50, 40], [25, 18, 15, 10, 7]))
def jpeg_compression(images: Tensor, draws: Draws, quality: float) -> Tensor:
    """Compress and decompress; the constant is the quality. Pillow does it, on the CPU and of 8-bit values."""
    levels = (images * 255).round().to(torch.uint8).movedim(1, 3).cpu().numpy()
    for image in levels:  # [H, W, C]
        file = BytesIO()
        Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(file, "JPEG", quality=round(quality))
        image[:] = np.asarray(Image.open(file)).reshape(image.shape)
    return torch.from_numpy(levels).to(images).movedim(3, 1) / 255
