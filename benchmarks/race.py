"""Measure runs in turns: seconds, what they reached, passes of the model."""

import sys
from collections.abc import Callable, Iterable
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


def fastest_batch(attack: Attack, images: Tensor, labels: Tensor, clock: Clock) -> int:
    """The batch size with the least time for a short run, the best of five, for timings are noisy."""
    seconds = dict.fromkeys(BATCHES, float("inf"))
    for _ in range(5):
        for size in BATCHES:
            start = clock()
            crafted(attack, images[:512], labels[:512], size)
            seconds[size] = min(seconds[size], clock() - start)
    return min(seconds, key=seconds.__getitem__)
