"""What cameras, screens and files do: contrast, coarse pixels, JPEG. Hendrycks & Dietterich 2019, Appendix B."""

from typing import cast

import torch
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws
from friendfoe.data.corruptions.strength import constants


def contrast(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Keep a share of the distance from each channel's mean."""
    (share,) = constants(
        images,
        severity,
        small=[(0.75,), (0.5,), (0.4,), (0.3,), (0.15,)],
        large=[(0.4,), (0.3,), (0.2,), (0.1,), (0.05,)],
    )
    mean = images.mean((2, 3), keepdim=True)
    return mean + share * (images - mean)


def pixelate(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Shrink to a share of the side by averaging, and enlarge by repeating pixels."""
    (share,) = constants(
        images,
        severity,
        small=[(0.95,), (0.9,), (0.85,), (0.75,), (0.65,)],
        large=[(0.6,), (0.5,), (0.4,), (0.3,), (0.25,)],
    )
    for dim in (2, 3):
        images = _block_means(images, dim, max(1, int(images.shape[dim] * share)))
    return images


def jpeg_compression(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Compress and decompress; the constant is the quality. libjpeg does it, on the CPU and of 8-bit values."""
    from torchvision.io import decode_jpeg, encode_jpeg

    (quality,) = constants(
        images,
        severity,
        small=[(80,), (65,), (58,), (50,), (40,)],
        large=[(25,), (18,), (15,), (10,), (7,)],
    )
    levels = (images * 255).round().to(torch.uint8).cpu()
    decoded = [cast(Tensor, decode_jpeg(encode_jpeg(image, quality=round(quality)))) for image in levels]
    return torch.stack(decoded).to(images) / 255


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
