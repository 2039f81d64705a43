"""What cameras, screens and files do: contrast, coarse pixels, JPEG. Hendrycks & Dietterich 2019, section 4."""

from io import BytesIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws
from friendfoe.data.corruptions.strength import constant


def contrast(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Keep a share of the distance from each channel's mean."""
    share = constant(images, severity, small=[0.75, 0.5, 0.4, 0.3, 0.15], large=[0.4, 0.3, 0.2, 0.1, 0.05])
    mean = images.mean((2, 3), keepdim=True)
    return mean + share * (images - mean)


def pixelate(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Shrink to a share of the side by averaging, and enlarge by repeating pixels."""
    share = constant(images, severity, small=[0.95, 0.9, 0.85, 0.75, 0.65], large=[0.6, 0.5, 0.4, 0.3, 0.25])
    for dim in (2, 3):
        images = _block_means(images, dim, max(1, int(images.shape[dim] * share)))
    return images


def jpeg_compression(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Compress and decompress; the constant is the quality. Pillow does it, on the CPU and of 8-bit values."""
    quality = constant(images, severity, small=[80, 65, 58, 50, 40], large=[25, 18, 15, 10, 7])
    levels = (images * 255).round().to(torch.uint8).movedim(1, 3).cpu().numpy()
    decoded = np.stack([_through_file(image, round(quality)) for image in levels])
    return torch.from_numpy(decoded).to(images).movedim(3, 1) / 255


def _through_file(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """One image [H, W, C] as it comes back from a JPEG file."""
    file = BytesIO()
    Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).reshape(image.shape)


def _block_means(images: Tensor, dim: int, blocks: int) -> Tensor:
    """Replace the values along a dimension by the means of `blocks` runs, as long as each other to within one."""
    size = images.shape[dim]
    places = torch.arange(size, device=images.device)
    block = (2 * places + 1) * blocks // (2 * size)
    lengths = block.bincount(minlength=blocks)
    starts = lengths.cumsum(0) - lengths
    shape = [-1 if number == dim else 1 for number in range(4)]
    total = torch.zeros_like(images.narrow(dim, 0, blocks))
    for offset in range(int(lengths.max())):
        values = images.index_select(dim, (starts + offset).clamp_max(size - 1))
        total += values * (offset < lengths).view(shape)
    return (total / lengths.view(shape)).index_select(dim, block)
