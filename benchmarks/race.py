"""Measure runs in turns: seconds, what they reached, passes of the model."""

import statistics
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from benchmarks.libraries import Attack, crafted
from friendfoe.evaluation.robust import PassCounter

BATCHES = (64, 128, 256, 512)
Made = TypeVar("Made")
Clock = Callable[[], float]


def race(
    run: Callable[[nn.Module, str], Made],
    names: Iterable[str],
    model: nn.Module,
    replicates: int,
    judge: Callable[[Made], float],
    clock: Clock,
) -> dict[str, dict[str, Any]]:
    """Seconds of every replicate, robust accuracy and passes, for every name.

    ``judge`` gives the robust accuracy of what a run made, outside of the measured time.
    """
    found: dict[str, dict[str, Any]] = {name: {"seconds": []} for name in names}
    for number in range(replicates):
        for name, of in found.items():
            counter = PassCounter(model).eval()
            start = clock()
            made = run(counter, name)
            of["seconds"].append(round(clock() - start, 3))
            of |= {
                "robust accuracy": judge(made),
                "forward": counter.forward_passes,
                "backward": counter.backward_passes,
            }
            print(f"{number + 1}/{replicates} {name}: {of['seconds'][-1]:.2f} s", file=sys.stderr)
    return found


def fastest_batches(attacks: Mapping[str, Attack], images: Tensor, labels: Tensor, clock: Clock) -> dict[str, int]:
    """The batch size with the least median time of five short runs, for each attack; all take turns, as in the race."""
    seconds: dict[tuple[str, int], list[float]] = {(name, size): [] for name in attacks for size in BATCHES}
    for _ in range(5):
        for (name, size), of in seconds.items():
            start = clock()
            crafted(attacks[name], images, labels, size)
            of.append(clock() - start)
    return {name: min(BATCHES, key=lambda size: statistics.median(seconds[name, size])) for name in attacks}
