"""The random numbers of a corruption: the same for an image in every batch and on every device."""

from dataclasses import dataclass, field
from itertools import count

import torch
from torch import Tensor

from friendfoe.runtime import draws


@dataclass
class Draws:
    """Each call gives fresh numbers for each of N images, named by (seed, sample, number of the call).

    Attributes:
        seed: of this corruption.
        sample_ids: int64 [N].
        dtype: of the numbers.
    """

    seed: int
    sample_ids: Tensor
    dtype: torch.dtype
    _streams: "count[int]" = field(default_factory=count)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """[N, *shape] in [low, high)."""
        numbers = draws.uniform(self.seed, self.sample_ids, _size(shape), stream=next(self._streams))
        return (low + (high - low) * numbers).view(-1, *shape).to(self.dtype)

    def integers(self, *shape: int, low: int, high: int) -> Tensor:
        """Int64 [N, *shape] in low, ..., high - 1."""
        numbers = draws.uniform(self.seed, self.sample_ids, _size(shape), stream=next(self._streams))
        return (numbers * (high - low)).long().add_(low).view(-1, *shape)

    def normal(self, *shape: int) -> Tensor:
        """[N, *shape], standard normal."""
        numbers = draws.normal(self.seed, self.sample_ids, _size(shape), stream=next(self._streams))
        return numbers.view(-1, *shape).to(self.dtype)


def _size(shape: tuple[int, ...]) -> int:
    return torch.Size(shape).numel()
