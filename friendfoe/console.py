"""The command `friendfoe`: what users type besides DVC."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from friendfoe.runtime import cli, paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest

app = cli.program()


NO_COLOR = "--no-color"


@app.callback(no_args_is_help=True)
def friendfoe(
    no_color: Annotated[bool, typer.Option(NO_COLOR, help="no colours, as with NO_COLOR=1")] = False,
) -> None:
    """Perturbations as friend or foe: what will be run, running it, and where results come from."""


@app.command()
def plan(
    data: Annotated[str, typer.Argument(help="data set; all if not given")] = "",
    study: Annotated[str, typer.Argument(help="study; all if not given")] = "",
    measure: Annotated[
        bool, typer.Option("--measure", help="how long each stage will take here, from a few steps of each network")
    ] = False,
) -> None:
    """Show what will be run.

    What is trained, with which network, budget and attack, and what is evaluated. Nothing is run or written.
    """
    from friendfoe.plan.table import tables
    from friendfoe.plan.write import read_plan

    if not measure:
        _print(*tables(read_plan(), data, study))
        return
    from friendfoe.plan.measured import measured

    _print(*measured(read_plan(), data, study))


@app.command(context_settings={"ignore_unknown_options": True})
def repro(
    words: Annotated[
        list[str] | None,
        typer.Argument(help="studies and data sets, such as `fgsm mnist`; targets and options of `dvc repro`"),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="stages at once; one if not given")] = None,
    gpus: Annotated[int | None, typer.Option(min=0, help="with --jobs: GPUs that they share; all if not given")] = None,
    ray: Annotated[str, typer.Option(help="HOST:PORT of a Ray cluster whose nodes run them, or auto")] = "",
) -> None:
    """Make tables, figures and pages, by `dvc repro`.

    Of the studies and data sets named; of all studies where none is, and of those data sets that params.yaml lists
    under `datasets`. What is needed is checked first, and what a killed run left in the way is mended. With --jobs,
    stages that do not need one another run side by side, with --ray on a cluster; docs/scaling.md.
    """
    from friendfoe.pipeline.repro import repro as run

    options = [word for word in words or () if word.startswith("-")]
    raise typer.Exit(run([word for word in words or () if not word.startswith("-")], options, jobs, gpus, ray))


@app.command()
def sweep(
    words: Annotated[list[str], typer.Argument(help="studies and data sets, such as `assistive digits`")],
    settings: Annotated[
        list[str], typer.Option("--set", help="KEY=VALUE,VALUE,... as `dvc exp run -S` takes it; of several, all pairs")
    ],
    metric: Annotated[
        list[str] | None,
        typer.Option(help="METRIC(MODEL, CONDITION) of tables/measurements.csv; the headline numbers if not given"),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="stages at once; one if not given")] = None,
    gpus: Annotated[int | None, typer.Option(min=0, help="GPUs that they share; all if not given")] = None,
    ray: Annotated[str, typer.Option(help="HOST:PORT of a Ray cluster whose nodes run them, or auto")] = "",
    name: Annotated[str, typer.Option(help="of the folder below `sweeps`")] = "",
) -> None:
    """Run studies at several values of params.

    Every combination is an experiment of DVC. The same command goes on where it was interrupted; at its end stand a
    table and a figure of the metrics against the first key.
    """
    from friendfoe.pipeline.sweep import sweep as run

    raise typer.Exit(run(words, settings, metric or [], jobs=jobs, gpus=gpus, ray=ray, name=name))


@app.command()
def attacks() -> None:
    """Show every attack, with its settings."""
    from pydantic_core import to_jsonable_python
    from rich.table import Table

    from friendfoe.attacks.config import AttackConfig
    from friendfoe.runtime.kinds import kinds, summary

    table = Table("attack", "what it does", "settings", box=None, pad_edge=False)
    for name, kind in kinds(AttackConfig).items():
        settings = [
            key if field.is_required() else f"{key}: {to_jsonable_python(field.default)}"
            for key, field in kind.model_fields.items()
            if key != kind.tag
        ]
        table.add_row(name, summary(kind), ", ".join(settings))
    _print(table)


@app.command()
def schema() -> None:
    """Write JSON Schemas of the params, with which editors complete and check them."""
    from friendfoe.plan.schema import write_schemas

    files = write_schemas()
    for params, written in files.items():
        typer.echo(f"{written}  of {params}")
    settings = ", ".join(f'"{written}": "{params}"' for params, written in files.items())
    typer.echo(
        "Editors that know the YAML language server take them from the first line of a params file, such as\n"
        f"  # yaml-language-server: $schema={next(iter(files.values()))}\n"
        f'and VS Code from its settings: "yaml.schemas": {{{settings}}}'
    )


@app.command()
def provenance(data: Annotated[str, typer.Argument(help="data set; all if not given")] = "") -> None:
    """Say of which code reports are.

    Of every committed report: whether it is of this code and these params, and if not what differs; of every committed
    evaluation below docs/examples whether it is of this code. The exit status is 0 where all are.
    """
    from friendfoe.plan.evaluations import evaluations
    from friendfoe.plan.provenance import origins

    reports = list(origins(data))
    if not reports:
        hint = nearest(data, sorted({path.parts[-3] for path in paths.REPORTS.glob("*/*/study.json")}))
        raise UserError(
            f"{paths.REPORTS} holds no report of '{data}'; {hint}" if data else f"{paths.REPORTS} holds none"
        )
    for report in reports:
        state = "made by other code or params" if report.differences else "of this code and these params"
        typer.echo(f"{report.data} {report.study}: {state} ({report.code})")
        for difference in report.differences:
            typer.echo(f"  {difference}")
    examples = [] if data else list(evaluations())
    for example in examples:
        state = "of this code" if example.current else "made by other code"
        typer.echo(f"{example.folder}: {state} ({example.code}): {example.command}")
    if any(report.differences for report in reports) or not all(example.current for example in examples):
        raise typer.Exit(1)


@app.command()
def verify(
    words: Annotated[list[str] | None, typer.Argument(help="studies and data sets; all if not given")] = None,
    against: Annotated[str, typer.Option(help="commit, experiment of DVC, or folder to agree with")] = "HEAD",
) -> None:
    """Say whether what was run here agrees with the committed reports.

    Bits differ between processors, so that numbers are compared by intervals of their differences. The exit status is
    0 where every cell of every table agrees.
    """
    from friendfoe.comparison.between import between
    from friendfoe.comparison.runs import HERE, find
    from friendfoe.comparison.show import conclusion, show

    agrees = True
    for found in between(find(against), find(HERE), words or []):
        lines = show(found, "committed" if against == "HEAD" else against, "this run")
        _print(*lines, f"  {conclusion(found)}", gap=False)
        agrees &= found.agrees
    raise typer.Exit(not agrees)


@app.command()
def compare(
    before: Annotated[
        str, typer.Argument(help="revision of Git, experiment of DVC, folder with reports, or `workspace`")
    ],
    after: Annotated[str, typer.Argument(help="another one")],
    words: Annotated[list[str] | None, typer.Argument(help="studies and data sets; all if not given")] = None,
    out: Annotated[Path, typer.Option(help="folder for the page")] = Path(".friendfoe/comparison"),
) -> None:
    """Say what differs between two runs by more than its interval.

    Verdicts, cells of tables, single classes: paired over replicates where seeds are the same, corrected for the number
    of cells.
    """
    from friendfoe.comparison.between import between
    from friendfoe.comparison.page import write
    from friendfoe.comparison.runs import find
    from friendfoe.comparison.show import show

    found = [*between(find(before), find(after), words or [])]
    for one in found:
        _print(*show(one, before, after), gap=False)
    typer.echo(f"\npage: {write(found, (before, after), out)}")


@app.command()
def publish() -> None:
    """Put the last run in the place of what is committed.

    A run that agrees with the committed reports leaves them as they are, and its own files in `.friendfoe/run`. This
    brings them into `reports` and the locks, for a commit.
    """
    from friendfoe.comparison import kept

    places = kept.take_in()
    if not places:
        raise UserError("no run is kept aside: the last one is in its place already, or `friendfoe repro` makes one")
    typer.echo(f"{len(places)} files are those of the last run: git add {paths.REPORTS} dvc.lock {paths.PIPELINES}")


@app.command()
def evaluate(
    files: Annotated[list[Path] | None, typer.Argument(help="with --compare: evaluation.json of each model")] = None,
    network: Annotated[
        str, typer.Option(help="torchvision:NAME, timm:NAME, FILE.py:FUNCTION, PACKAGE.MODULE:FUNCTION or FILE.pt2")
    ] = "",
    weights: Annotated[Path | None, typer.Option(help="safetensors, or a state dict in a .pt or .pth file")] = None,
    data: Annotated[str, typer.Option(help="folder CLASS/*, npz file, or a name such as fashion_mnist")] = "",
    attacks: Annotated[str, typer.Option(help="see `friendfoe attacks`")] = "fgsm,pgd-20,autoattack",
    eps: Annotated[str, typer.Option(help="size of the perturbations, for pixels in [0, 1]")] = "8/255",
    norm: Annotated[str, typer.Option(help="how it is measured: linf or l2")] = "linf",
    images: Annotated[
        int | None, typer.Option(min=1, help="how many, the classes in proportion; all if not given")
    ] = None,
    out: Annotated[Path, typer.Option(help="folder for the page; a killed run goes on there")] = Path("report"),
    size: Annotated[int | None, typer.Option(min=1, help="side that images of a folder are resized to")] = None,
    classes: Annotated[
        str, typer.Option(help="names in the order in which the model knows them, or a text file of them")
    ] = "",
    normalise: Annotated[
        str, typer.Option(help="of the pixels in [0, 1]: none, imagenet, cifar10, half, or 0.5,0.5,0.5/0.2,0.2,0.2")
    ] = "none",
    arguments: Annotated[str, typer.Option(help="JSON, that a function of yours, or timm, is called with")] = "",
    key: Annotated[str | None, typer.Option(help="of a checkpoint with several networks, the one to take")] = None,
    corruptions: Annotated[str, typer.Option(help="such as fog,motion_blur; all: the 15 of ImageNet-C")] = "",
    checks: Annotated[bool, typer.Option(help="look for masked gradients")] = True,
    precision: Annotated[str, typer.Option(help="of gradients: float32 or bfloat16")] = "float32",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1; the GPU where there is one")] = "",
    name: Annotated[str, typer.Option(help="of the model, in tables")] = "",
    seed: Annotated[int, typer.Option(help="of all that is drawn")] = 0,
    compare: Annotated[
        bool, typer.Option("--compare", help="put evaluations side by side, paired over images")
    ] = False,
) -> None:
    """Examine a trained classifier of yours.

    Which classes are weak, under what, and whether its robustness is real: a summary here, tables and a page in a
    folder. Lists are separated by commas. `--compare A B ...` puts earlier evaluations side by side.
    """
    if compare:
        from friendfoe.diagnosis.compare import compare as side_by_side

        together = side_by_side(files or [])
        typer.echo(f"{together.summary()}\n\npage: {together.save(out)}")
        return
    if files:
        raise UserError(f"{files[0]}: what is compared follows --compare; images are named by --data")
    if not data:
        raise UserError("--data is missing: a folder CLASS/*, an npz file, or a name such as fashion_mnist")
    from friendfoe.diagnosis.command import diagnose
    from friendfoe.plan.evaluations import asked_by

    found, page = diagnose(
        network, weights, data, attacks=attacks, eps=eps, norm=norm, images=images, out=out, size=size,
        classes=classes, normalise=normalise, arguments=arguments, key=key, corruptions=corruptions, checks=checks,
        precision=precision, device=device, name=name, seed=seed,
        origin=partial(asked_by, sys.argv[1:]),
    )  # fmt: skip
    typer.echo(f"{found.summary()}\n\npage: {page}")


@app.command()
def benchmark(
    benchmark: Annotated[str, typer.Argument(help="cifar10-c, cifar100-c, mnist-c, imagenet-c, imagenet-a, ...")],
    data: Annotated[str, typer.Argument(help="data set that the models were trained on")],
    models: Annotated[list[str], typer.Argument(help="trained models of it, as STUDY/MODEL")],
    reference: Annotated[str, typer.Option(help="model that mCE is relative to; the first one if not given")] = "",
    output: Annotated[Path | None, typer.Option(help="CSV file for the errors by corruption and severity")] = None,
) -> None:
    """Evaluate models on a benchmark.

    Error and mCE of trained models on a published benchmark that lies under the data root.
    """
    from friendfoe import runtime
    from friendfoe.data import published
    from friendfoe.evaluation.benchmarks import benchmark_errors
    from friendfoe.evaluation.mce import mean_corruption_error
    from friendfoe.models.weights import load, read_header

    if reference and reference not in models:
        raise UserError(f"--reference {reference}: must be one of the models; {nearest(reference, models)}")
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
    study, _, name = model.partition("/")
    folder, weights = paths.model(data, "", ""), paths.model(data, study, name)
    files = [paths.replicate(weights, number) for number in range(paths.replicates(weights))]
    if not name or not files:
        trained = {str(path.parent.relative_to(folder)) for path in folder.rglob("replicate-0.safetensors")}
        raise UserError(
            f"there is no model '{model}' of {data}; name it as STUDY/MODEL, and train it first: "
            f"dvc repro pipelines/STUDY/dvc.yaml:train@{data}-MODEL ({nearest(model, sorted(trained))})"
        )
    return files


def _print(*renderables: object, gap: bool = True) -> None:
    """Print tables with a blank line between them, where there is to be a `gap`; to a pipe in full width."""
    import sys

    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 400, highlight=False, markup=False)
    for number, renderable in enumerate(renderables):
        if number and gap:
            console.print()
        console.print(renderable)


def main() -> None:
    """Run the command."""
    import os
    import sys

    if NO_COLOR in sys.argv:  # wherever it stands
        sys.argv.remove(NO_COLOR)
        os.environ["NO_COLOR"] = "1"
    cli.run(app)
