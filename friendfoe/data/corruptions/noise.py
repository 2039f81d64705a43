"""Noise in every value: Gaussian, shot (Poisson), impulse (salt and pepper). Hendrycks & Dietterich 2019, section 4."""

import torch
from torch import Tensor

from friendfoe.data.corruptions.contract import Draws, constants

_LEVELS = 256  # of brightness: the published definition is of 8-bit images
_BITS = 24  # of a random number


@constants(scale=([0.04, 0.06, 0.08, 0.09, 0.10], [0.08, 0.12, 0.18, 0.26, 0.38]))
def gaussian_noise(images: Tensor, draws: Draws, scale: float) -> Tensor:
    """Add independent normal numbers of this standard deviation."""
    return images + scale * draws.normal(*images.shape[1:])


@constants(photons=([500, 250, 100, 75, 50], [60, 25, 12, 5, 3]))
def shot_noise(images: Tensor, draws: Draws, photons: float) -> Tensor:
    """Photons arrive at random: a value x becomes Poisson(c x) / c."""
    levels = (images * (_LEVELS - 1)).round().long()
    drawn = (draws.uniform(*images.shape[1:]).float() * 2**_BITS).long()
    table = _poisson_table(photons).to(images.device)
    counts = torch.searchsorted(table.view(-1), (levels << _BITS) + drawn, right=True) - levels * table.shape[1]
    return counts.to(images) / photons


@constants(share=([0.01, 0.02, 0.03, 0.05, 0.07], [0.03, 0.06, 0.09, 0.17, 0.27]))
def impulse_noise(images: Tensor, draws: Draws, share: float) -> Tensor:
    """A share of the values becomes black or white, each with the same probability."""
    drawn = draws.uniform(*images.shape[1:])
    return torch.where(drawn < share, (drawn < share / 2).to(images), images)


def _poisson_table(photons: float) -> Tensor:
    """Where P(count <= k) of each level ends, int64 [levels, K]: one ascending list for a search in all of them.

    Entry [l, k] is (l + P(count <= k)) 2^24, so that the entries that (l + u) 2^24 has passed, less those of the levels
    below, are the count whose turn comes at u: the inverse of the distribution function, exact to 24 bits.
    """
    rates = torch.linspace(0, photons, _LEVELS, dtype=torch.float64).view(-1, 1)
    most = int(photons + 6 * photons**0.5 + 10)  # a greater count has a probability below 2^-24
    counts = torch.arange(1, most + 1, dtype=torch.float64).view(1, -1)
    below = torch.special.gammaincc(counts, rates)  # P(count < counts)
    ends = (below * 2**_BITS).round().long().clamp_max(2**_BITS)
    table: Tensor = ends + torch.arange(_LEVELS).view(-1, 1) * 2**_BITS
    return table
