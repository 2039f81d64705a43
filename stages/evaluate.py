"""Evaluate models class by class under the conditions of a study."""

import csv
from typing import Annotated

import typer

from friendfoe.data.device import choose_device
from friendfoe.evaluation import outcomes
from friendfoe.evaluation.classwise import COLUMNS, as_records
from friendfoe.evaluation.evaluate import evaluate_model
from friendfoe.evaluation.job import EvaluationJob
from friendfoe.runtime import cli, jobs, paths
from friendfoe.runtime.files import atomic_path
from friendfoe.runtime.outputs import outputs


def main(data: str, study: str, model: Annotated[str, typer.Argument()] = "") -> None:
    """Evaluate every replicate of MODEL (all models of STUDY) on DATA; write tables, and the outcome of each image."""
    choose_device(data)
    job = jobs.read(EvaluationJob, data, study, f"evaluate-{model}" if model else "evaluate")
    for name in job.models:
        table, bits = paths.evaluation(data, study, name), paths.outcomes(data, study, name)
        with outputs(table, bits):
            counts, found = evaluate_model(job, name)
            with atomic_path(table) as partial, partial.open("w", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows(as_records(counts))
            with atomic_path(bits) as partial:
                outcomes.write(partial, found)


if __name__ == "__main__":
    cli.run(main)
