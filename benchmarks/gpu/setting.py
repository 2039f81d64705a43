"""What every section is given: where it computes, how small, and until when."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

Row = dict[str, Any]
"""One measurement: flat, of numbers, texts and truths."""

Tell = Callable[[Row], None]
"""Keeps a measurement at once: what has been told is not lost, whatever happens next."""


@dataclass(frozen=True)
class Setting:
    """The same for all sections, but for the deadline.

    Args:
        data: the folder of raw data, with data sets as torchvision finds them or as NAME.npz.
        work: a folder to compute in, which sections share: what one has trained, another attacks.
        out: the folder of the results so far.
        tiny: everything at a size for a CPU, in seconds; what comes out says nothing of speed.
        deadline: of this section, on the clock of `time.monotonic`.
    """

    data: Path
    work: Path
    out: Path
    tiny: bool = False
    deadline: float = float("inf")

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def until(self, deadline: float) -> "Setting":
        return replace(self, deadline=deadline)


def now(device: torch.device) -> float:
    """Seconds on the clock, once the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def seconds_of(run: Callable[[], Any], device: torch.device, *, least: int = 3, most: float = 1.0) -> float:
    """Median seconds of a run after one that warms up: at least so many runs, then for at most so many seconds."""
    run()
    taken: list[float] = []
    begin = now(device)
    while len(taken) < least or (now(device) - begin < most and len(taken) < 50):
        start = now(device)
        run()
        taken.append(now(device) - start)
    return sorted(taken)[len(taken) // 2]
