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
BATCHES = (32, 64, 128, 256, 512)
Measures = dict[str, dict[str, Any]]


def pgd_race(name: str, kind: str, replicates: int) -> dict[str, Any]:
    """Crafting of all steps, and robust accuracy, by every library on one network.

    The others craft everything and predict, so that their robust accuracy costs one pass more than crafting; friendfoe
    stops with a sample that has fallen.
    """
    network, model = NETWORKS[name], trained(name, kind)
    images, labels = (part[: network.tested] for part in network.data.read("test"))
    eps, shape = network.data.eps, network.data.shape
    step = eps / 4
    batch = fastest_batches(model, shape, eps, step, images, labels)
    crafting: Measures = {library: {"seconds": []} for library in (*lib.OWN, *lib.OTHERS)}
    evaluation: Measures = {library: {"seconds": []} for library in crafting}

    def measure(rows: Measures, library: str, run: Callable[[nn.Module], Tensor | float], before: float = 0) -> Tensor:
        counter = PassCounter(model).eval()
        start = time.process_time()
        result = run(counter)
        seconds = time.process_time() - start
        accuracy = result if isinstance(result, float) else lib.accuracy(model, result, labels, 64)
        rows[library]["seconds"].append(round(before + seconds, 3))
        rows[library] |= {"robust accuracy": accuracy, "forward": counter.forward_passes}
        rows[library]["backward"] = counter.backward_passes
        print(f"{name}, {kind}, {library}: {seconds:.2f} s, {accuracy:.3f}", file=sys.stderr, flush=True)
        return result

    for _ in range(replicates):
        for library, make in {**lib.OWN, **lib.OTHERS}.items():
            size = batch.get(library, len(images))  # friendfoe cuts batches itself
            perturbed = measure(
                crafting, library, lambda net: lib.crafted(make(net, shape, eps, step, STEPS), images, labels, size)
            )
            if library in lib.OWN:
                precision = "bfloat16" if "bfloat16" in library else "float32"
                verdicts = lambda net: lib.friendfoe_evaluation(net, images, labels, eps, step, STEPS, precision)
                measure(evaluation, library, verdicts)
            else:
                spent = crafting[library]["seconds"][-1]
                measure(evaluation, library, lambda net: lib.accuracy(net, perturbed, labels, size), spent)
                for passes in ("forward", "backward"):
                    evaluation[library][passes] += crafting[library][passes]
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


def fastest_batches(
    model: nn.Module, shape: tuple[int, int, int], eps: float, step: float, images: Tensor, labels: Tensor
) -> dict[str, int]:
    """The batch size with the least median time of three short runs, for each library; all take turns."""
    attacks = {name: make(model, shape, eps, step, 2) for name, make in lib.OTHERS.items()}
    sizes = [size for size in BATCHES if size <= len(images)]
    seconds: dict[tuple[str, int], list[float]] = {(name, size): [] for name in attacks for size in sizes}
    for _ in range(3 if len(sizes) > 1 else 0):
        for (name, size), runs in seconds.items():
            start = time.process_time()
            lib.crafted(attacks[name], images, labels, size)
            runs.append(time.process_time() - start)
    if len(sizes) == 1:
        return dict.fromkeys(attacks, sizes[0])
    return {name: min(sizes, key=lambda size: statistics.median(seconds[name, size])) for name in attacks}
