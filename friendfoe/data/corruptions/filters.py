"""Linear filters of images [N, C, H, W], enlarging them, how bright they look, and where their pixels are."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian(
    images: Tensor, sigma: float, truncate: float = 4.0, border: Literal["repeated", "symmetric"] = "repeated"
) -> Tensor:
    """Smooth by a Gaussian of `sigma` pixels, cut off at `truncate` sigmas.

    Outside, the border is repeated or the image is mirrored, with its outermost pixels twice.
    """
    reach = int(truncate * sigma + 0.5)
    if reach == 0:
        return images
    curve = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma) ** 2)
    weights = (curve / curve.sum()).tolist()
    for dim in (2, 3):
        size = images.shape[dim]
        places = torch.arange(-reach, size + reach, device=images.device)
        if border == "symmetric":
            places = places.remainder(2 * size)
            places = torch.minimum(places, 2 * size - 1 - places)
        padded = images.index_select(dim, places.clamp(0, size - 1))
        images = torch.zeros_like(images)
        for offset, weight in enumerate(weights):  # ten times as fast as conv2d has it on a CPU, and alike in any batch
            images.add_(padded.narrow(dim, offset, size), alpha=weight)
    return images


def convolve(images: Tensor, kernel: Tensor) -> Tensor:
    """Convolve every channel with a kernel [k, k] of odd side; images are mirrored at their border."""
    reach = len(kernel) // 2
    for dim in (2, 3):
        size = images.shape[dim]
        period = max(1, 2 * size - 2)  # reflected at the outermost pixels as often as it takes
        places = torch.arange(-reach, size + reach, device=images.device).remainder(period)
        images = images.index_select(dim, torch.minimum(places, period - places))
    extent = images.shape[-2:]
    spectrum = torch.fft.rfft2(kernel.to(images), extent)
    # each by itself: what a batched transform gives depends on the batch, in the last bits
    convolved = (torch.fft.irfft2(torch.fft.rfft2(image) * spectrum, extent) for image in images)
    return torch.stack([image[:, 2 * reach :, 2 * reach :] for image in convolved])


def motion(images: Tensor, radius: int, sigma: float, angles: Tensor) -> Tensor:
    """Smear each image along a line: a half Gaussian of `sigma` pixels over 2 `radius` + 1 of them.

    The border is repeated outside, and a line that leaves the image ends there. Of the angles [N], in radians, 0 takes
    pixels from the right, so that the image smears to the left; more turns clockwise.
    """
    height, width = images.shape[-2:]
    steps = torch.arange(2 * radius + 1, dtype=torch.float64)
    curve = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = (curve / curve.sum()).tolist()
    ways = [(math.sin(angle), math.cos(angle)) for angle in angles.tolist()]
    shifts = torch.ceil(torch.tensor(ways, dtype=torch.float64).unsqueeze(2) * steps - 0.5).long()
    down, right = shifts.unbind(1)
    inside = ((down.abs() < height) & (right.abs() < width)).cumprod(1).sum(1).tolist()
    reach = 2 * radius + 1
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    smeared = torch.zeros_like(images)
    places = zip((reach + down).tolist(), (reach + right).tolist(), inside, strict=True)
    for source, result, (tops, lefts, count) in zip(padded, smeared, places, strict=True):
        for weight, top, left in zip(weights[:count], tops, lefts, strict=False):
            result.add_(source[:, top : top + height, left : left + width], alpha=weight)
    return smeared


def enlarged(images: Tensor, factor: float, height: int, width: int) -> Tensor:
    """Images `factor` times as large by linear interpolation between their corners, and of that the middle."""
    sizes = [round(size * factor) for size in images.shape[-2:]]
    return middle(F.interpolate(images, sizes, mode="bilinear", align_corners=True), height, width)


def middle(images: Tensor, height: int, width: int) -> Tensor:
    """The middle of images, [..., height, width]."""
    top, left = (images.shape[-2] - height) // 2, (images.shape[-1] - width) // 2
    return images[..., top : top + height, left : left + width]


def luminance(images: Tensor) -> Tensor:
    """How bright colour images [N, 3, H, W] look, [N, 1, H, W] (ITU-R BT.601); grey ones as they are."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split_with_sizes([1, 1, 1], 1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def grid(images: Tensor) -> tuple[Tensor, Tensor]:
    """Rows [H, 1] and columns [1, W] of the pixels."""
    down, right = (torch.arange(size, device=images.device).to(images) for size in images.shape[-2:])
    return down.view(-1, 1), right.view(1, -1)
