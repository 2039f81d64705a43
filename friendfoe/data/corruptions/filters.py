"""Linear filters of images [N, C, H, W], enlarging them, how bright they look, and where their pixels are."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

_SMALL = 1 << 10  # values of an image; larger ones are smeared faster one by one on a CPU, which copies nothing


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
    # on a CPU each by itself: what a batched transform gives depends on the batch, in the last bits
    parts = torch.split(images, 1 if images.device.type == "cpu" else len(images))
    convolved = [torch.fft.irfft2(torch.fft.rfft2(part) * spectrum, extent) for part in parts]
    return torch.cat([part[..., 2 * reach :, 2 * reach :] for part in convolved])


def motion(images: Tensor, radius: int, sigma: float, angles: Tensor) -> Tensor:
    """Smear each image along a line: a half Gaussian of `sigma` pixels over 2 `radius` + 1 of them.

    The border is repeated outside, and a line that leaves the image ends there. Of the angles [N], in radians, 0 takes
    pixels from the right, so that the image smears to the left; more turns clockwise.
    """
    height, width = images.shape[-2:]
    steps = torch.arange(2 * radius + 1, dtype=torch.float64)
    curve = torch.exp(-0.5 * (steps / sigma) ** 2)
    weights = (curve / curve.sum()).tolist()
    ways = torch.stack([angles.double().sin(), angles.double().cos()])
    shifts = torch.ceil(ways.unsqueeze(2) * torch.arange(2 * radius + 1, device=images.device) - 0.5).long()
    inside = ((shifts[0].abs() < height) & (shifts[1].abs() < width)).cumprod(1)
    reach = 2 * radius + 1
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    smeared, (tops, lefts) = torch.zeros_like(images), shifts + reach
    if images.device.type == "cpu" and images[0].numel() > _SMALL:
        lines = zip(padded, smeared, tops.tolist(), lefts.tolist(), inside.sum(1).tolist(), strict=True)
        for source, result, down, right, count in lines:
            for weight, top, left in zip(weights[:count], down, right, strict=False):
                result.add_(source[:, top : top + height, left : left + width], alpha=weight)
        return smeared
    # a line that has left the image goes on in the dark below the border
    tops, names = tops.where(inside.bool(), padded.shape[2]), torch.arange(len(images), device=images.device)
    windows = F.pad(padded, (0, 0, 0, height)).unfold(2, height, 1).unfold(3, width, 1)
    for weight, top, left in zip(weights, tops.unbind(1), lefts.unbind(1), strict=True):
        smeared.add_(windows[names, :, top, left], alpha=weight)
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
