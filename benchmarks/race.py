"""Measure runs in turns: seconds, what they reached, passes of the model."""

import statistics
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from benchmarks.libraries import Attack, crafted
from friendfoe.evaluation.robust import PassCounter

BATCHES = (64, 128, 256, 512)
Result = TypeVar("Result")
Clock = Callable[[], float]


def race(
    run: Callable[[nn.Module, str], Result],
    names: Iterable[str],
    model: nn.Module,
    replicates: int,
    judge: Callable[[Result], float],
    clock: Clock,
) -> dict[str, dict[str, Any]]:
    """Seconds of every replicate, robust accuracy and passes, for every name.

    ``judge`` gives the robust accuracy of the result of a run, outside of the measured time.
    """
    measures: dict[str, dict[str, Any]] = {name: {"seconds": []} for name in names}
    for number in range(replicates):
        for name, measured in measures.items():
            counter = PassCounter(model).eval()
            start = clock()
            result = run(counter, name)
            measured["seconds"].append(round(clock() - start, 3))
            measured |= {
                "robust accuracy": judge(result),
                "forward": counter.forward_passes,
                "backward": counter.backward_passes,
            }
            print(f"{number + 1}/{replicates} {name}: {measured['seconds'][-1]:.2f} s", file=sys.stderr)
    return measures


def fastest_batches(attacks: Mapping[str, Attack], images: Tensor, labels: Tensor, clock: Clock) -> dict[str, int]:
    """The batch size with the least median time of five short runs, for each attack; all take turns, as in the race."""
    seconds: dict[tuple[str, int], list[float]] = {(name, size): [] for name in attacks for size in BATCHES}
    for _ in range(5):
        for (name, size), runs in seconds.items():
            start = clock()
            crafted(attacks[name], images, labels, size)
            runs.append(clock() - start)
    return {name: min(BATCHES, key=lambda size: statistics.median(seconds[name, size])) for name in attacks}
