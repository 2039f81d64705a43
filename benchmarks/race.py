"""PGD of all libraries in turns: seconds of crafting and of robust accuracy, what they reach, passes of the model."""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from benchmarks import libraries as lib
from benchmarks.networks import NETWORKS, trained
from friendfoe.evaluation.robust import PassCounter

STEPS = 20
BATCHES = (16, 32, 64, 128, 256, 512)
Measures = dict[str, dict[str, Any]]


def pgd_race(name: str, kind: str, replicates: int) -> dict[str, Any]:
    """Crafting of all steps, and robust accuracy, by every library on one network.

    The others craft everything and predict, so that their robust accuracy costs one pass more than crafting; friendfoe
    stops with a sample that has fallen.
    """
    network, model = NETWORKS[name], trained(name, kind)
    images, labels = (part[: network.tested] for part in network.data.read("test"))
    eps = network.data.eps
    step = eps / 4
    batch = fastest_batches(model, eps, step, images, labels)
    makers = {**lib.OWN, **lib.OTHERS}
    crafting: Measures = {library: {"seconds": []} for library in makers}
    evaluation: Measures = {library: {"seconds": []} for library in makers}
    perturbed: dict[str, Tensor] = {}

    def craft(net: nn.Module, library: str) -> float:
        size = batch.get(library, len(images))  # friendfoe cuts batches itself
        perturbed[library] = lib.crafted(makers[library](net, eps, step, STEPS), images, labels, size)
        return 0.0

    def evaluate(net: nn.Module, library: str) -> float:
        if library in lib.OTHERS:
            return lib.accuracy(net, perturbed[library], labels, batch[library])
        precision = "bfloat16" if "bfloat16" in library else "float32"
        return lib.friendfoe_evaluation(net, images, labels, eps, step, STEPS, precision)

    def measure(rows: Measures, library: str, run: Callable[[nn.Module, str], float]) -> dict[str, Any]:
        counter = PassCounter(model).eval()
        start = time.process_time()
        accuracy = run(counter, library)
        seconds = time.process_time() - start
        row = rows[library]
        row["seconds"].append(round(seconds, 3))
        row |= {"robust accuracy": accuracy, "forward": counter.forward_passes, "backward": counter.backward_passes}
        print(f"{name}, {kind}, {library}, {run.__name__}: {seconds:.2f} s", file=sys.stderr, flush=True)
        return row

    for _ in range(replicates):
        for library in makers:
            crafted = measure(crafting, library, craft)
            crafted["robust accuracy"] = lib.accuracy(model, perturbed[library], labels, 64)
            row = measure(evaluation, library, evaluate)
            if library in lib.OTHERS:
                row["seconds"][-1] = round(row["seconds"][-1] + crafted["seconds"][-1], 3)
                row |= {passes: row[passes] + crafted[passes] for passes in ("forward", "backward")}
    return {
        "network": network.title,
        "training": kind,
        "data": network.data.title,
        "images": len(images),
        "eps": eps,
        "steps": STEPS,
        "clean accuracy": lib.accuracy(model, images, labels, 64),
        "batch": batch,
        "evaluation": evaluation,
        "crafting": crafting,
    }


def fastest_batches(model: nn.Module, eps: float, step: float, images: Tensor, labels: Tensor) -> dict[str, int]:
    """The batch size with the least median time of three short runs, for each library; all take turns."""
    attacks = {name: make(model, eps, step, 2) for name, make in lib.OTHERS.items()}
    sizes = [size for size in BATCHES if size <= len(images)]
    if len(sizes) == 1:
        return dict.fromkeys(attacks, sizes[0])
    seconds: dict[tuple[str, int], list[float]] = {(name, size): [] for name in attacks for size in sizes}
    for _ in range(3):
        for (name, size), runs in seconds.items():
            start = time.process_time()
            lib.crafted(attacks[name], images, labels, size)
            runs.append(time.process_time() - start)
    return {name: min(sizes, key=lambda size: statistics.median(seconds[name, size])) for name in attacks}
