"""Time the attacks of friendfoe against those of other libraries: same model, images, eps, step, steps, one process.

Every library runs at the batch size that is fastest for it. Time is CPU time, so that other work on the machine hardly
counts; libraries take turns within a replicate, and the ratio is taken within replicates. Results go to results.json;
`python -m benchmarks.report` makes the tables of README.md from it.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import libraries as lib
from benchmarks.networks import EPS, fashion_mnist, network
from benchmarks.reference import autoattack_verdicts
from friendfoe.evaluation.robust import PassCounter

STEPS, STEP = 20, EPS / 4
BATCHES = (64, 128, 256, 512)
RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1024, help="test images for PGD (default 1024)")
    parser.add_argument(
        "--autoattack-images", type=int, default=200, help="test images for AutoAttack; 0: leave it out"
    )
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="time crafting in bfloat16, too")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    images, labels = fashion_mnist("t10k")
    results: dict[str, Any] = {"setting": setting(chosen)}
    for kind in ("standard", "adversarial"):
        data = images[: chosen.images], labels[: chosen.images]
        results[kind] = compare_pgd(network(kind), *data, chosen.replicates, bfloat16=chosen.bfloat16)
        save(results)
    if chosen.autoattack_images:
        data = images[: chosen.autoattack_images], labels[: chosen.autoattack_images]
        results["autoattack"] = autoattack_verdicts(*data)
        save(results)


def setting(chosen: argparse.Namespace) -> dict[str, Any]:
    names = ("torch", "foolbox", "adversarial-robustness-toolbox", "torchattacks", "pyautoattack")
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    cpu = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.processor())
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "cpu": f"{cpu}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "threads": chosen.threads,
        "images": chosen.images,
        "replicates": chosen.replicates,
        "attack": f"PGD-{STEPS}, linf, eps {EPS}, step {STEP}, random start",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in names}},
    }


def compare_pgd(model: nn.Module, images: Tensor, labels: Tensor, replicates: int, *, bfloat16: bool) -> dict[str, Any]:
    """Crafting without and evaluation with early stop, for every library."""
    makers = {"friendfoe": lib.friendfoe, **lib.OTHERS}
    if bfloat16:
        makers["friendfoe bfloat16"] = lib.friendfoe_bfloat16
    batch = {name: len(images) for name in makers}  # friendfoe cuts batches to the cache itself
    for name in lib.OTHERS:
        batch[name] = fastest_batch(makers[name](model, EPS, STEP, 2), images, labels)

    def craft(name: str) -> Callable[[nn.Module], float]:
        def run(net: nn.Module) -> float:
            attack = makers[name](net, EPS, STEP, STEPS)
            made = lib.crafted(attack, images, labels, batch[name])
            with uncounted(net):
                return lib.accuracy(net, made, labels, 256)

        return run

    def evaluate(name: str) -> Callable[[nn.Module], float]:
        if name == "friendfoe":
            return lambda net: lib.friendfoe_evaluation(net, images, labels, EPS, STEP, STEPS)
        return lambda net: lib.library_evaluation(makers[name](net, EPS, STEP, STEPS), net, images, labels, batch[name])

    evaluated = [name for name in makers if "bfloat16" not in name]
    return {
        "clean accuracy": lib.accuracy(model, images, labels, 256),
        "batch": batch,
        "crafting": race({name: craft(name) for name in makers}, model, replicates),
        "evaluation": race({name: evaluate(name) for name in evaluated}, model, replicates),
    }


class uncounted:  # noqa: N801, a context manager that reads like a word
    """Leave what follows out of a counter's counts and of the timed part."""

    spent = 0.0

    def __init__(self, counter: nn.Module) -> None:
        self.counter = counter

    def __enter__(self) -> None:
        self.start = time.process_time()
        self.counts = self.counter.forward_passes, self.counter.backward_passes

    def __exit__(self, *_: object) -> None:
        uncounted.spent += time.process_time() - self.start
        self.counter.forward_passes, self.counter.backward_passes = self.counts


def fastest_batch(attack: lib.Attack, images: Tensor, labels: Tensor) -> int:
    """The batch size with the least CPU time for a short run, the best of two."""
    seconds = dict.fromkeys(BATCHES, float("inf"))
    for _ in range(2):
        for size in BATCHES:
            start = time.process_time()
            lib.crafted(attack, images[:512], labels[:512], size)
            seconds[size] = min(seconds[size], time.process_time() - start)
    return min(seconds, key=seconds.__getitem__)


def race(runs: dict[str, Callable[[nn.Module], float]], model: nn.Module, replicates: int) -> dict[str, Any]:
    """Seconds, robust accuracy and passes of each, in turns; ratios to friendfoe within each replicate."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    last: dict[str, dict[str, float]] = {}
    for number in range(replicates):
        for name, run in runs.items():
            counter = PassCounter(model).eval()
            uncounted.spent = 0.0
            start = time.process_time()
            reached = run(counter)
            seconds[name].append(time.process_time() - start - uncounted.spent)
            last[name] = {
                "robust accuracy": reached, "forward": counter.forward_passes, "backward": counter.backward_passes
            }  # fmt: skip
            print(f"{number + 1}/{replicates} {name}: {seconds[name][-1]:.2f} s, {reached:.4f}", file=sys.stderr)
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


def save(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
