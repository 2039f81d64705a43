"""Snow, frost, fog, brightness (Hendrycks & Dietterich 2019, section 4), and MNIST-C's spatter (Mu & Gilmer 2019)."""

import math
from functools import partial

import torch
from torch import Tensor

from friendfoe.data.corruptions.contract import MNIST, Draws, constants, side
from friendfoe.data.corruptions.filters import enlarged, gaussian, luminance, motion

# of the five photographs of frost that the published program draws from
_BRIGHTNESS = (0.44, 0.84)  # means: 0.48 to 0.81, 0.64 on average
_TINT = (-0.07, 0.01, 0.06)  # of red, green and blue
_CONTRAST = (0.21, 0.16)  # standard deviation at brightness 0, and what it loses until 1: darker frost is rougher
_NEEDLE = 1 / 16  # of the side

# MNIST-C takes those of ImageNet-C as they are, so 28 and 224 pixels have the same; smaller images have smaller drops.
# Mean and standard deviation of the noise, sigma that makes drops of it, what is a drop, sigma that smooths the drops
_SPATTER = (
    (0.65, 0.3, 4.0, 0.69, 0.6),
    (0.65, 0.3, 3.0, 0.68, 0.6),
    (0.65, 0.3, 2.0, 0.68, 0.5),
    (0.65, 0.3, 1.0, 0.65, 1.5),
    (0.67, 0.4, 1.0, 0.65, 1.5),
)
_MUD = (63 / 255, 42 / 255, 20 / 255)  # red, green, blue; grey images get the first
_OPAQUE = 0.8  # thinner mud is left out


@constants(
    mean=([0.1, 0.1, 0.15, 0.25, 0.3], [0.1, 0.2, 0.55, 0.55, 0.55]),
    scale=([0.2, 0.2, 0.3, 0.3, 0.3], [0.3, 0.3, 0.3, 0.3, 0.3]),
    zoom=([1, 1, 1.75, 2.25, 1.25], [3, 2, 4, 4.5, 2.5]),
    least=([0.6, 0.5, 0.55, 0.6, 0.65], [0.5, 0.5, 0.9, 0.85, 0.85]),
    radius=([8, 10, 10, 12, 14], [10, 12, 12, 12, 12]),
    sigma=([3, 4, 4, 6, 12], [4, 4, 8, 8, 12]),
    share=([0.95, 0.9, 0.9, 0.85, 0.8], [0.8, 0.7, 0.7, 0.65, 0.55]),
)
def snow(
    images: Tensor,
    draws: Draws,
    mean: float,
    scale: float,
    zoom: float,
    least: float,
    radius: float,
    sigma: float,
    share: float,
) -> Tensor:
    """Whiten the image and let flakes fall: noise that is enlarged, cut off below, and smeared downwards.

    The constants: mean and standard deviation of the noise, its enlargement, what it must exceed to be a flake, radius
    and sigma of the smear in pixels, and the share of the image that stays.
    """
    height, width = images.shape[-2:]
    noise = mean + scale * draws.normal(1, math.ceil(height / zoom), math.ceil(width / zoom))
    flakes = enlarged(noise, zoom, height, width)
    flakes = torch.where(flakes < least, 0, flakes).clamp(0, 1)
    flakes = motion(flakes, round(radius), sigma, draws.uniform(low=-0.75 * math.pi, high=-0.25 * math.pi))
    whitened = torch.maximum(images, luminance(images) * 1.5 + 0.5)
    return share * images + (1 - share) * whitened + flakes + flakes.rot90(2, (2, 3))


@constants(
    image_share=([1, 1, 0.9, 0.85, 0.75], [1, 0.8, 0.7, 0.65, 0.6]),
    frost_share=([0.2, 0.3, 0.4, 0.4, 0.45], [0.4, 0.6, 0.7, 0.7, 0.75]),
)
def frost(images: Tensor, draws: Draws, image_share: float, frost_share: float) -> Tensor:
    """A share of the image and a share of frost on the lens.

    The authors lay photographs of frost over the image. Here the frost is generated, since photographs are not part of
    the project: needles of ice are bright points, smeared in three directions. Brightness, tint and contrast are those
    that we measured on the authors' photographs.
    """
    _, channels, height, width = images.shape
    points = draws.normal(1, height, width)
    length = max(1, round(side(images) * _NEEDLE))
    angles = draws.uniform(3, high=2 * math.pi)
    needles = torch.stack([motion(points, length, length, angle) for angle in angles.unbind(1)]).amax(0)
    spread, mean = torch.std_mean(needles, (2, 3), correction=0, keepdim=True)
    needles = (needles - mean) / spread.clamp_min(1e-6)
    brightness = draws.uniform(1, 1, 1, low=_BRIGHTNESS[0], high=_BRIGHTNESS[1])
    tint = images.new_tensor(_TINT if channels == 3 else (0.0,)).view(-1, 1, 1)
    ice = brightness + tint + (_CONTRAST[0] - _CONTRAST[1] * brightness) * needles
    return image_share * images + frost_share * ice.clamp(0, 1)


@constants(
    brightness=([0.2, 0.5, 0.75, 1, 1.5], [1.5, 2.0, 2.5, 2.5, 3.0]),
    decay=([3, 3, 2.5, 2, 1.75], [2, 2, 1.7, 1.5, 1.4]),
)
def fog(images: Tensor, draws: Draws, brightness: float, decay: float) -> Tensor:
    """Add clouds of this brightness and smoothness, and darken the sum to the old maximum."""
    brightest = images.amax((1, 2, 3), keepdim=True)
    clouds = brightness * _plasma(images, draws, decay)
    return (images + clouds) * brightest / (brightest + brightness)


@constants(more=([0.05, 0.1, 0.15, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4, 0.5]))
def brightness(images: Tensor, draws: Draws, more: float) -> Tensor:
    """Raise the value of HSV, the largest of the channels, by a constant; hue and saturation stay."""
    value = images.amax(1, keepdim=True)
    raised = (value + more).clamp_max(1)
    return torch.where(value > 0, images * (raised / value.clamp_min(1e-6)), raised)


def spatter(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Drops of mud cover the image; MNIST-C's form of the corruption that ImageNet-C has among its extra ones."""
    mean, scale, size, least, smoothing = _SPATTER[severity - 1]
    smaller = min(1.0, side(images) / MNIST)
    liquid = gaussian(mean + scale * draws.normal(1, *images.shape[-2:]), smaller * size)
    mud = gaussian((liquid > least).to(images), smaller * smoothing)
    mud = torch.where(mud < _OPAQUE, 0, mud)
    colour = images.new_tensor(_MUD[: images.shape[1]]).view(-1, 1, 1)
    return images * (1 - mud) + colour * mud


def _plasma(images: Tensor, draws: Draws, decay: float) -> Tensor:
    """Clouds [N, 1, H, W] by the diamond-square algorithm (Fournier, Fussell & Carpenter 1982): a plasma fractal.

    The whole map, whose sides are a power of 2, spans [0, 1]. The random part gets `decay` times smaller when the
    distance halves: the greater, the smoother.
    """
    height, width = images.shape[-2:]
    extent = 1 << max(1, (max(height, width) - 1).bit_length())
    heights = images.new_zeros(len(images), extent, extent)
    step, wibble = extent, 100.0
    while step >= 2:
        half, cells = step // 2, extent // step
        rough = partial(draws.uniform, cells, cells, low=-(wibble**2), high=wibble**2)
        corners = heights[:, ::step, ::step]
        pairs = corners + corners.roll(-1, 1)
        heights[:, half::step, half::step] = (pairs + pairs.roll(-1, 2)) / 4 + rough()
        centres = heights[:, half::step, half::step]
        # the middles of the edges: half of what surrounds them are corners, half are centres
        above = centres + centres.roll(1, 1) + corners + corners.roll(-1, 2)
        beside = centres + centres.roll(1, 2) + corners + corners.roll(-1, 1)
        heights[:, ::step, half::step] = above / 4 + rough()
        heights[:, half::step, ::step] = beside / 4 + rough()
        step, wibble = half, wibble / decay
    low, high = heights.amin((1, 2), keepdim=True), heights.amax((1, 2), keepdim=True)
    return ((heights - low) / (high - low))[:, :height, :width].unsqueeze(1)
