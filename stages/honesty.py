"""Ask whether the robustness of a model is real."""

import csv
import json

from friendfoe import params, runtime
from friendfoe.data.pixels import to_float
from friendfoe.data.store import load_split
from friendfoe.evaluation.honesty import Check, honesty
from friendfoe.models.registry import load
from friendfoe.runtime import cli, paths
from friendfoe.runtime.files import atomic_path
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.replicates import Send, each_replicate

IMAGES = 100  # a check compares accuracies that differ by more than their error on so many images


def main(data: str, model: str) -> None:
    """Run the honesty checks of every replicate of MODEL on DATA; write what was measured, and passed or failed."""
    p = params.load(*(f"data.{data}.{key}" for key in ("eps", "seed")))
    settings, device = p.data[data], runtime.device()
    test = load_split(paths.prepared(data), "test")
    images, labels = to_float(test.images[:IMAGES]).to(device), test.labels[:IMAGES].to(device)

    def replicate(number: int, send: Send) -> list[Check]:
        network = load(paths.replicate(paths.model(data, model), number)).to(device)
        seed = runtime.seed(settings.seed, data, "honesty", number)
        return honesty(network, images, labels, eps=settings.eps, seed=seed)

    table = paths.honesty(data, model)
    metrics = table.with_suffix(".json")
    with outputs(table, metrics):
        count = max(1, paths.replicates(paths.model(data, model)))  # none: the first one is missed by its name
        checks = each_replicate(replicate, count)
        with atomic_path(table) as partial, partial.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["replicate", "check", "passed", "question", "measured", "value"])
            for number, found in enumerate(checks):
                for check in found:
                    of = (number, check.name, check.passed, check.question)
                    writer.writerows([*of, name, f"{value:.6g}"] for name, value in check.numbers.items())
        passed = {
            check.name: sum(of.passed for found in checks for of in found if of.name == check.name)
            for check in checks[0]
        }
        with atomic_path(metrics) as partial:
            partial.write_text(json.dumps({"replicates": len(checks), **passed}, indent=2) + "\n")


if __name__ == "__main__":
    cli.run(main)
