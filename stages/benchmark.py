"""Evaluate trained models on a published benchmark that lies under the data root; not a part of the pipeline."""

from pathlib import Path
from typing import Annotated

import typer

from friendfoe import runtime
from friendfoe.runtime import cli, paths
from friendfoe.runtime.errors import UserError


def main(
    benchmark: Annotated[str, typer.Argument(help="cifar10-c, cifar100-c, mnist-c, imagenet-c, imagenet-a, ...")],
    data: Annotated[str, typer.Argument(help="data set that the models were trained on")],
    models: Annotated[list[str], typer.Argument(help="trained models of it")],
    reference: Annotated[str, typer.Option(help="model that mCE is relative to; the first one if not given")] = "",
    output: Annotated[Path | None, typer.Option(help="CSV file for the errors by corruption and severity")] = None,
) -> None:
    """Print error and mCE of every replicate of MODELS, which were trained on DATA, on BENCHMARK."""
    from friendfoe.data import published
    from friendfoe.evaluation.benchmarks import benchmark_errors
    from friendfoe.evaluation.mce import mean_corruption_error
    from friendfoe.models.registry import load, read_header

    if reference and reference not in models:
        raise UserError(f"--reference {reference}: must be one of the models, {', '.join(models)}")
    files = {(model, number): path for model in models for number, path in enumerate(_replicates(data, model))}
    header = read_header(next(iter(files.values())))
    networks = {key: load(path).to(runtime.device()) for key, path in files.items()}
    batches = published.read(benchmark, runtime.data_root(), header.classes, header.shape)
    errors = benchmark_errors(networks, batches)
    table = errors.groupby(["model", "replicate"], sort=False)["error"].mean().reset_index()
    typer.echo(table.merge(mean_corruption_error(errors, reference or models[0])).to_string(index=False))
    if output:
        errors.to_csv(output, index=False)


def _replicates(data: str, model: str) -> list[Path]:
    folder = paths.model(data, model)
    found = [paths.replicate(folder, number) for number in range(paths.replicates(folder))]
    if not found:
        raise UserError(f"there is no model in {folder}; train it first: dvc repro base@{data}-{model}")
    return found


if __name__ == "__main__":
    cli.run(main)
