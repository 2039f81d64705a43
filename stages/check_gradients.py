"""Ask whether the robustness of a model is real, or its gradients are masked."""

import csv

from friendfoe.data.device import choose_device
from friendfoe.evaluation import outcomes
from friendfoe.evaluation.check_gradients import check_gradients
from friendfoe.evaluation.check_results import COLUMNS
from friendfoe.evaluation.job import GradientCheckJob
from friendfoe.runtime import cli, jobs, paths
from friendfoe.runtime.files import atomic_directory
from friendfoe.runtime.outputs import outputs


def main(data: str, study: str, model: str) -> None:
    """Check MODEL of STUDY on DATA for masked gradients; write what was measured, and the outcome of each image."""
    choose_device(data)
    job = jobs.read(GradientCheckJob, data, study, f"check-gradients-{model}")
    table, bits = paths.gradients(data, study, model), paths.checks(data, study, model)
    with outputs(table, bits):
        found = check_gradients(job)
        with atomic_directory(table) as partial, (partial / "checks.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(found.records())
        with atomic_directory(bits) as partial:
            outcomes.write(partial / "outcomes.npz", found.outcomes)


if __name__ == "__main__":
    cli.run(main)
