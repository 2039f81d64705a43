"""Measure runs in turns: CPU seconds, what they reached, passes of the model."""

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from torch import Tensor, nn

from benchmarks.libraries import Attack, crafted
from friendfoe.evaluation.robust import PassCounter

BATCHES = (64, 128, 256, 512)
Made = TypeVar("Made")


def race(
    run: Callable[[nn.Module, str], Made],
    names: Iterable[str],
    model: nn.Module,
    replicates: int,
    judge: Callable[[Made], float],
) -> dict[str, Any]:
    """Median seconds, ratio to friendfoe (median of the ratios within replicates), robust accuracy, passes.

    ``judge`` gives the robust accuracy of what a run made, outside of the measured time.
    """
    seconds: dict[str, list[float]] = {name: [] for name in names}
    last: dict[str, dict[str, float]] = {}
    for number in range(replicates):
        for name in seconds:
            counter = PassCounter(model).eval()
            start = time.process_time()
            made = run(counter, name)
            seconds[name].append(time.process_time() - start)
            passes = {"forward": counter.forward_passes, "backward": counter.backward_passes}
            last[name] = {"robust accuracy": judge(made), **passes}
            print(f"{number + 1}/{replicates} {name}: {seconds[name][-1]:.2f} s", file=sys.stderr)
    ours = seconds["friendfoe"]
    return {
        name: {
            "seconds": statistics.median(of),
            "range": [min(of), max(of)],
            "ratio": statistics.median(theirs / mine for theirs, mine in zip(of, ours, strict=True)),
            **last[name],
        }
        for name, of in seconds.items()
    }


def fastest_batch(attack: Attack, images: Tensor, labels: Tensor) -> int:
    """The batch size with the least CPU time for a short run, the best of five, for timings are noisy."""
    seconds = dict.fromkeys(BATCHES, float("inf"))
    for _ in range(5):
        for size in BATCHES:
            start = time.process_time()
            crafted(attack, images[:512], labels[:512], size)
            seconds[size] = min(seconds[size], time.process_time() - start)
    return min(seconds, key=seconds.__getitem__)
