"""Some images of a published benchmark."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from friendfoe.data.sources.config import Labels, RawSplit

Shape = tuple[int, int, int]
"""Channels, height and width."""


class Part(NamedTuple):
    """What a benchmark holds of one corruption and severity; see `CorruptedImages`."""

    corruption: str
    severity: int
    split: RawSplit
    allowed: Labels | None = None


Reader = Callable[[str, Path, Sequence[str], Shape], Iterator[Part]]
"""(name of the benchmark, its folder, classes of the model, shape of its images) -> the parts of the benchmark.

A UserError where it is not whole, or not of these classes or images; as far as it can be, before the first part.
"""


@dataclass(frozen=True)
class CorruptedImages:
    """Images of one corruption and severity."""

    benchmark: str  # its name
    corruption: str  # as the benchmark calls it; "natural" where images are as they were found, "stylized" of that set
    severity: int  # 1 to 5; 0 where there is only one
    images: Tensor  # uint8 [n, C, H, W]
    labels: Tensor  # int64 [n], places in the model's classes
    allowed: Tensor | None = None  # int64, ascending: the only classes that may be predicted; None: all

    def correct(self, logits: Tensor) -> Tensor:
        """Which images a model with these logits [n, K] takes for what they are, bool [n]."""
        labels = self.labels.to(logits.device)
        if self.allowed is None:
            return logits.argmax(1) == labels
        allowed = self.allowed.to(logits.device)
        return allowed[logits[:, allowed].argmax(1)] == labels
