"""Evaluate a model class by class under the conditions of a study."""

import csv
import json
from typing import Annotated

import typer

from friendfoe import params
from friendfoe.runtime import cli, paths


def main(
    study: Annotated[str, typer.Argument()] = "",
    data: Annotated[str, typer.Argument()] = "",
    model: Annotated[str, typer.Argument()] = "",
    list_: Annotated[
        bool, typer.Option("--list", help="Show the conditions of params.yaml and the attacks, and stop.")
    ] = False,
) -> None:
    """Evaluate every replicate of MODEL (all models of STUDY) on DATA as STUDY wants it; write tables and metrics."""
    if list_:
        return show_conditions()
    if not data:
        raise typer.BadParameter("STUDY DATA MODEL are needed (MODEL: or all of the study), or --list")
    from friendfoe.evaluation.evaluate import keys

    own = params.load(f"data.{data}.seed", f"studies.{study}.evaluate", *([] if model else [f"studies.{study}.models"]))
    models, whole = [model] if model else own.studies[study].models, params.read()
    p = params.load(*{key: None for name in models for key in keys(whole, data, study, name)})
    for name in models:
        evaluate(p, study, data, name)
    return None


def evaluate(p: params.Params, study: str, data: str, model: str) -> None:
    """Evaluate every replicate of a model and write the tidy table and its metrics."""
    from friendfoe.evaluation.classwise import COLUMNS, as_records, summary
    from friendfoe.evaluation.evaluate import evaluate_model
    from friendfoe.runtime.files import atomic_path
    from friendfoe.runtime.outputs import outputs

    table = paths.evaluation(data, study, model)
    metrics = table.with_suffix(".json")
    with outputs(table, metrics):
        rows = evaluate_model(p, data, study, model)
        with atomic_path(table) as partial, partial.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(as_records(rows))
        with atomic_path(metrics) as partial:
            partial.write_text(json.dumps(summary(rows), indent=2) + "\n")


def show_conditions() -> None:
    """Print the conditions of params.yaml, and what each attack does."""
    from rich.console import Console
    from rich.table import Table

    from friendfoe.attacks.recipes import known

    conditions = Table("condition", "attack", "settings", box=None)
    for name, recipe in params.read().conditions.items():
        settings = recipe.model_dump(mode="json", exclude={"attack"}, exclude_unset=True)
        conditions.add_row(name, recipe.attack, ", ".join(f"{key}: {value}" for key, value in settings.items()))
    attacks = Table("attack", "what it does", box=None)
    for name, text in known().items():
        attacks.add_row(name, text)
    Console().print(conditions, "", attacks)


if __name__ == "__main__":
    cli.run(main)
