"""Some images of a published benchmark."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

Shape = tuple[int, int, int]
"""Channels, height and width."""


@dataclass(frozen=True)
class CorruptedImages:
    """Images of one corruption and severity.

    Attributes:
        benchmark: its name.
        corruption: as the benchmark calls it; "natural" where images are as they were found, "stylized" of that set.
        severity: 1 to 5; 0 where there is only one.
        images: uint8 [n, C, H, W].
        labels: int64 [n], places in the model's classes.
        allowed: int64, ascending: the only classes that may be predicted; None: all.
    """

    benchmark: str
    corruption: str
    severity: int
    images: Tensor
    labels: Tensor
    allowed: Tensor | None = None

    def correct(self, logits: Tensor) -> Tensor:
        """Which images a model with these logits [n, K] takes for what they are, bool [n]."""
        labels = self.labels.to(logits.device)
        if self.allowed is None:
            return logits.argmax(1) == labels
        allowed = self.allowed.to(logits.device)
        return allowed[logits[:, allowed].argmax(1)] == labels


Batches = Iterator[CorruptedImages]
"""A benchmark, a batch at a time."""
