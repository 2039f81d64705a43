"""Ask whether the robustness of a model is real, or its gradients are masked."""

import csv

from friendfoe import runtime
from friendfoe.data.pixels import to_float
from friendfoe.data.store import load_split
from friendfoe.evaluation.gradient_masking import MaskingCheck, gradient_masking
from friendfoe.evaluation.job import GradientCheckJob
from friendfoe.models.weights import load
from friendfoe.runtime import cli, jobs, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.forks import Send
from friendfoe.runtime.outputs import outputs
from friendfoe.runtime.replicates import each_replicate

IMAGES = 100  # a check compares accuracies that differ by more than their error on so many images


def main(data: str, study: str, model: str) -> None:
    """Run the gradient-masking checks of MODEL of STUDY on DATA; write what was measured, and passed or failed."""
    job, device = jobs.read(GradientCheckJob, data, study, f"check-gradients-{model}"), runtime.device()
    test = load_split(paths.prepared(data), "test")
    some = test.some(IMAGES)
    images, labels = to_float(test.images[some]).to(device), test.labels[some].to(device)
    weights, directory = paths.model(data, study, model), paths.gradients(data, study, model)

    def replicate(number: int, send: Send) -> list[MaskingCheck]:
        network = load(paths.replicate(weights, number)).to(device)
        seed = runtime.seed(job.seed, data, "check-gradients", number)
        return gradient_masking(network, images, labels, eps=job.eps, seed=seed)

    with outputs(directory), atomic_directory(directory) as partial:
        count = max(1, paths.replicates(weights))  # none: the first one is missed by its name
        replicates = each_replicate(replicate, count)
        with (partial / "checks.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["replicate", "check", "passed", "question", "measured", "value"])
            for number, checks in enumerate(replicates):
                for check in checks:
                    head = (number, check.name, check.passed, check.question)
                    writer.writerows([*head, name, f"{value:.6g}"] for name, value in check.numbers.items())


if __name__ == "__main__":
    cli.run(main)
