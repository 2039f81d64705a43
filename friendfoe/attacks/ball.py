"""The balls that perturbations stay in: how to step, project and start in each norm, within the pixel range."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from typing_extensions import Self

from friendfoe.attacks.contract import check_device, check_norm, wide
from friendfoe.attacks.threat import Threat
from friendfoe.runtime.draws import Seed, normal, uniform
from friendfoe.runtime.waiting import may_look

Rows = Tensor | slice
"""Which samples of a batch: int64 indices, or a slice."""

Range = tuple[float, float]
"""The least and the largest value of a pixel."""
PIXELS: Range = (0.0, 1.0)
UNCLIPPED: Range = (-math.inf, math.inf)


@dataclass(frozen=True)
class Ball(ABC):
    """The allowed images around each of N images: within a radius and the pixel range."""

    centre: Tensor
    """The images [N, C, H, W] that it is around, in at least float32."""
    eps: Tensor
    """The radii, [N, 1, 1, 1]."""

    def step(self, images: Tensor, gradient: Tensor, size: Tensor) -> Tensor:
        """Move by ``size`` [N, 1, 1, 1], which may be negative, in the norm's steepest direction, and project."""
        return self.move(images, self.direction(gradient), size)

    @abstractmethod
    def direction(self, gradient: Tensor) -> Tensor:
        """The steepest direction of the norm, a step of size 1, [N, C, H, W] in [-1, 1]."""

    @abstractmethod
    def move(self, images: Tensor, direction: Tensor, size: Tensor) -> Tensor:
        """Move by ``size`` [N, 1, 1, 1] in such a direction, and project."""

    @abstractmethod
    def project(self, images: Tensor) -> Tensor:
        """Bring images back into the ball and into the pixel range."""

    @abstractmethod
    def draw(self, seed: Seed, sample_ids: Tensor, stream: int) -> Tensor:
        """A uniform random image of the ball for each sample, brought into the pixel range."""

    def take(self, rows: Rows) -> Self:
        """The ball of some of the samples."""
        parts = vars(self).items()
        return replace(self, **{name: taken(value, rows) for name, value in parts if isinstance(value, Tensor)})


@dataclass(frozen=True)
class LinfBall(Ball):
    """Each pixel moves by eps at most. ``low`` and ``high`` bound each pixel; where the mask forbids, they meet."""

    low: Tensor
    high: Tensor

    def direction(self, gradient: Tensor) -> Tensor:
        """The sign of the gradient; a pixel without gradient stays."""
        return gradient.sign()

    def move(self, images: Tensor, direction: Tensor, size: Tensor) -> Tensor:
        """Each pixel by itself."""
        return torch.addcmul(images, direction, size).clamp_(self.low, self.high)

    def project(self, images: Tensor) -> Tensor:
        """Each pixel to the nearest allowed value."""
        return images.clamp(self.low, self.high)

    def draw(self, seed: Seed, sample_ids: Tensor, stream: int) -> Tensor:
        """Each pixel uniform in [-eps, eps] around the centre."""
        noise = uniform(seed, sample_ids, self.centre[0].numel(), stream=stream).view(self.centre.shape).to(self.centre)
        return self.project(self.centre + self.eps * (2 * noise - 1))


@dataclass(frozen=True)
class L2Ball(Ball):
    """The whole perturbation has a Euclidean length of eps at most, and is zero where the mask forbids."""

    mask: Tensor | None
    pixels: Range
    dtype: torch.dtype
    """Of the images that are returned; rounded to it they are still in the ball."""

    def direction(self, gradient: Tensor) -> Tensor:
        """The gradient, scaled to length 1; an image without gradient stays."""
        return unit(gradient if self.mask is None else gradient * self.mask)

    def move(self, images: Tensor, direction: Tensor, size: Tensor) -> Tensor:
        """The whole image."""
        return self._shortened((images + size * direction).sub_(self.centre))

    def project(self, images: Tensor) -> Tensor:
        """Shorten the perturbation to eps, then clip: clipping moves towards the centre, so the image stays inside."""
        return self._shortened(images - self.centre)

    def _shortened(self, change: Tensor) -> Tensor:
        """The projected images, in the memory of their change: on a CPU new memory takes longer than arithmetic."""
        change *= (self.eps / length(change)).nan_to_num(nan=0.0).clamp_max(1)
        images = change.add_(self.centre).clamp_(*self.pixels)
        return images if self.dtype == images.dtype else self._rounds_inside(images)

    def _rounds_inside(self, images: Tensor) -> Tensor:
        """Shorten perturbations until their rounding lies inside, too; what still does not is rounded inwards."""
        for _ in range(3):
            reach = length(images.to(self.dtype).to(images.dtype) - self.centre)
            images = self.centre + (images - self.centre) * (self.eps * (1 - 1e-5) / reach).nan_to_num(1).clamp_max(1)
        rounded = images.to(self.dtype)
        outside = length(rounded.to(images.dtype) - self.centre) > self.eps
        return torch.where(outside, towards(self.centre.to(self.dtype), images).to(images.dtype), images)

    def draw(self, seed: Seed, sample_ids: Tensor, stream: int) -> Tensor:
        """Uniform in the ball: a normal direction, and a radius that is uniform to the power of 1 / dimensions."""
        count = self.centre[0].numel()
        numbers = normal(seed, sample_ids, count, stream=stream).view(self.centre.shape).to(self.centre)
        direction = numbers if self.mask is None else numbers * self.mask
        free = count if self.mask is None else self.mask.flatten(1).sum(1).clamp_min(1).view(-1, 1, 1, 1)
        radius = uniform(seed, sample_ids, 1, stream=stream).view(-1, 1, 1, 1).to(self.centre) ** (1 / free)
        return self.project(self.centre + self.eps * radius * unit(direction))


def ball_around(
    images: Tensor, threat: Threat, mask: Tensor | None = None, radii: Tensor | None = None, pixels: Range = PIXELS
) -> Ball:
    """The ball of a threat around images, where the mask allows; ``radii`` [N] replaces its eps sample by sample.

    Raises:
        ValueError: the norm is neither linf nor l2, or radii are negative, not finite, or not [N].
    """
    check_norm(threat, "linf", "l2")
    centre = wide(images)
    if radii is None:
        eps = centre.new_full((len(images), 1, 1, 1), threat.eps)
    else:
        check_device("radii", radii, images)
        if radii.shape != (len(images),):
            raise ValueError(f"radii: must have the shape [{len(images)}], got {list(radii.shape)}")
        if may_look(radii):
            _check_radii(radii, threat)
        eps = radii.to(centre).view(-1, 1, 1, 1)
    if threat.norm == "l2":
        return L2Ball(centre, eps, None if mask is None else mask.expand_as(images), pixels, images.dtype)
    low, high = (centre - eps).clamp_min(pixels[0]), (centre + eps).clamp_max(pixels[1])
    if images.dtype != centre.dtype:
        low, high = (towards(images, bound).to(centre.dtype) for bound in (low, high))
    if mask is not None:
        low, high = torch.where(mask, low, centre), torch.where(mask, high, centre)
    return LinfBall(centre, eps, low, high)


def taken(values: Tensor, rows: Rows) -> Tensor:
    """The values of some samples: ``values[rows]``, which copies five times as fast so."""
    return values[rows] if isinstance(rows, slice) else values.index_select(0, rows)


def _check_radii(radii: Tensor, threat: Threat) -> None:
    if not bool(((radii >= 0) & (radii < math.inf)).all()):
        raise ValueError("radii: must be finite and not negative")
    if threat.norm == "linf" and len(radii) and float(radii.max()) > 1:
        raise ValueError(f"radii: for norm linf in units of a pixel's range, at most 1, got {float(radii.max()):g}")


def towards(centre: Tensor, images: Tensor) -> Tensor:
    """Images in the lower precision of the centre, rounded towards it."""
    rounded = images.to(centre.dtype)
    beyond = (rounded.to(images.dtype) - centre).abs() > (images - centre).abs()
    return torch.where(beyond, rounded.nextafter(centre), rounded)


def length(change: Tensor) -> Tensor:
    """Euclidean length [N, 1, 1, 1] of each sample's change."""
    lengths: Tensor = torch.linalg.vector_norm(change, dim=(1, 2, 3), keepdim=True)
    return lengths


def unit(direction: Tensor) -> Tensor:
    """Each sample scaled to length 1, zero where it is zero; scaled by its maximum first, lest small squares vanish."""
    high, low = direction.amax((1, 2, 3), keepdim=True), direction.amin((1, 2, 3), keepdim=True)
    steepest = torch.maximum(high, -low)  # absolute values would be a copy of all
    scaled = direction / steepest.clamp_min(torch.finfo(direction.dtype).tiny)
    return scaled.div_(length(scaled).clamp_min(1e-12))


def signs(numbers: Tensor) -> Tensor:
    """A random sign, -1.0 or 1.0, for each number in [0, 1)."""
    return torch.where(numbers < 0.5, -1.0, 1.0).to(numbers)
