"""Snow, fog and brightness. Hendrycks & Dietterich 2019, section 4."""

import math

import torch
from torch import Tensor

from friendfoe.data.corruptions.draws import Draws
from friendfoe.data.corruptions.filters import enlarged, luminance, motion
from friendfoe.data.corruptions.plasma import plasma
from friendfoe.data.corruptions.strength import constant, constants


def snow(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Whiten the image and let flakes fall: noise that is enlarged, cut off below, and smeared downwards.

    The constants: mean and standard deviation of the noise, its enlargement, what it must exceed to be a flake, radius
    and sigma of the smear in pixels, and the share of the image that stays.
    """
    mean, scale, zoom, least, radius, sigma, share = constants(
        images,
        severity,
        small=[
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ],
        large=[
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ],
    )
    height, width = images.shape[-2:]
    noise = mean + scale * draws.normal(1, math.ceil(height / zoom), math.ceil(width / zoom))
    flakes = enlarged(noise, zoom, height, width)
    flakes = torch.where(flakes < least, 0, flakes).clamp(0, 1)
    flakes = motion(flakes, round(radius), sigma, draws.uniform(low=-0.75 * math.pi, high=-0.25 * math.pi))
    whitened = torch.maximum(images, luminance(images) * 1.5 + 0.5)
    return share * images + (1 - share) * whitened + flakes + flakes.rot90(2, (2, 3))


def fog(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Add clouds and darken the sum to the old maximum; the constants: their brightness, and their smoothness."""
    brightness, decay = constants(
        images,
        severity,
        small=[(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
        large=[(1.5, 2), (2.0, 2), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)],
    )
    brightest = images.amax((1, 2, 3), keepdim=True)
    height, width = images.shape[-2:]
    clouds = brightness * plasma(draws, height, width, decay)
    return (images + clouds) * brightest / (brightest + brightness)


def brightness(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Raise the value of HSV, the largest of the channels, by a constant; hue and saturation stay."""
    more = constant(images, severity, small=[0.05, 0.1, 0.15, 0.2, 0.3], large=[0.1, 0.2, 0.3, 0.4, 0.5])
    value = images.amax(1, keepdim=True)
    raised = (value + more).clamp_max(1)
    return torch.where(value > 0, images * (raised / value.clamp_min(1e-6)), raised)
