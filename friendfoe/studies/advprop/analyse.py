"""What every network of the study gets right: clean test images, some of them corrupted, and published benchmarks."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, SEVERITIES, corrupt
from friendfoe.data.pixels import to_float
from friendfoe.data.published import available, read
from friendfoe.data.store import Images
from friendfoe.evaluation import outcomes
from friendfoe.evaluation.benchmarks import benchmark_errors
from friendfoe.evaluation.mce import CLEAN
from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.models.predict import logits
from friendfoe.runtime import data_root, device, paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.advprop.explored import explored
from friendfoe.studies.advprop.names import ADVPROP, ATTACKERS, CONTROL, EXPLORED, METHODS
from friendfoe.studies.advprop.settings import Settings
from friendfoe.studies.analysis import side_by_side, write_outcomes, write_table
from friendfoe.studies.explorer import write_explorer
from friendfoe.studies.facts import write_facts
from friendfoe.studies.inputs import Inputs

Networks = Mapping[tuple[str, int], nn.Module]
"""(model, replicate) -> network."""

_COLUMNS = ["benchmark", "model", "replicate", "corruption", "severity", "n", "error"]


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, explorer.npz, outcomes.npz and benchmarks.csv into `out`.

    Outcomes: whether an image is right, by ("accuracy", model, condition): a model is M/V for variant V of model M, a
    condition `clean` or CORRUPTION-SEVERITY. Clean are all test images; corrupted are those of the budget, rounded to 8
    bits, the same for all networks and replicates. benchmarks.csv: errors on the published benchmarks that are there,
    for networks of all sizes; their names stand in the column benchmark.

    Raises:
        UserError: a network is missing or damaged.
    """
    attackers, sizes = _attackers(study), study.job.sizes or []
    names = [*(f"{method}/{size}" for method in METHODS for size in sizes), *attackers, *(study.job.given or ())]
    _write_facts(study, out, names, attackers)
    write_explorer(study, out, [f"{name}/{sizes[-1]}" for name in EXPLORED], explored(study))
    networks = {(name, number): study.network(name, number) for name in names for number in study.replicates}
    corruptions = [CLEAN, *CORRUPTIONS, *(MNIST_C if study.test.shape[0] == 1 else ())]
    tested = study.every_test_image.rows(study.job.images)

    def corruption(number: int, step: Callable[[], None]) -> dict[Key, Outcomes]:
        name, test = corruptions[number], study.every_test_image
        if name == CLEAN:
            found = _right(networks, test.images, test.labels, torch.arange(len(test)), [name])
        else:
            rows = torch.arange(len(test)) if tested is None else tested
            conditions = [f"{name}-{severity}" for severity in SEVERITIES]
            found = _right(networks, _corrupted(study, name), study.test.labels, rows, conditions)
        step()
        return found

    parts = side_by_side(f"corruptions of {study.data}", len(corruptions), corruption)  # these in place of replicates
    write_outcomes({key: one for part in parts for key, one in part.items()}, out)
    sized = {key: network for key, network in networks.items() if key[0] not in attackers}
    benchmarks = present(study.settings.benchmarks.get(study.data, []))
    write_table(errors_on_benchmarks(benchmarks, sized, study.test.classes, study.test.shape), out, "benchmarks")


def present(benchmarks: Sequence[str]) -> list[str]:
    """Those that lie below the folder of raw data."""
    return [name for name in benchmarks if name in available(data_root())]


def errors_on_benchmarks(
    names: Sequence[str], networks: Networks, classes: Sequence[str], shape: tuple[int, int, int]
) -> pd.DataFrame:
    """What every network gets wrong: benchmark, model, replicate, corruption, severity, n and error.

    The benchmarks must be there; classes stand in the order of the logits, and `shape` is that of an image.

    Raises:
        UserError: a benchmark is not whole, or not of these classes or images.
    """

    def benchmark(number: int, step: Callable[[], None]) -> pd.DataFrame:
        errors = benchmark_errors(networks, read(names[number], data_root(), classes, shape))
        step()
        return errors.assign(benchmark=names[number])[_COLUMNS]

    parts = side_by_side(f"published benchmarks: {', '.join(names)}", len(names), benchmark) if names else []
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_COLUMNS)


def _attackers(study: Inputs[Settings]) -> list[str]:
    """The variants of the model that is trained against attackers of every strength."""
    folder = paths.model(study.data, study.job.study, ATTACKERS)
    names = [f"{ATTACKERS}/{path.name}" for path in sorted(folder.glob("*")) if path.is_dir()]
    if not names:
        raise UserError(
            f"{folder} holds no networks; `dvc repro pipelines/advprop/dvc.yaml:plot@{study.data}` makes them"
        )
    return names


def _write_facts(study: Inputs[Settings], out: Path, names: list[str], attackers: list[str]) -> None:
    inner, jobs = study.job.inner_attack, {name: study.headers(name)[0].job for name in names}
    assert inner
    trained = {name: (job["network"], job["training"]) for name, job in jobs.items()}
    size = next(s for s in study.job.sizes or [] if trained[f"{ADVPROP}/{s}"] == trained[attackers[0]])
    strengths = {}
    for name in [f"{CONTROL}/{size}", f"{ADVPROP}/{size}", *attackers]:
        attacker = next(part for part in jobs[name]["method"]["distributions"] if part["images"] == "adversarial")
        steps = attacker.get("steps") or inner.steps
        strengths[name] = {"eps": attacker["strength"] * study.job.eps, "steps": steps}
    write_facts(
        study,
        out,
        models=names,
        test_images=len(study.every_test_image),
        corrupted_images=len(study.test),
        available=len(study.train),
        train_images=study.train_images,
        sizes=study.job.sizes,
        steps=inner.steps,
        step=inner.rel_step,
        attackers=strengths,
        attacked_size=size,
    )


def _corrupted(study: Inputs[Settings], name: str) -> Tensor:
    """The images of the budget under one corruption, one severity after another, as they would be saved."""
    clean, seed = to_float(study.test.images[:].to(device())), study.seed("corruption")
    images = torch.cat([corrupt(clean, name, severity, seed=seed).cpu() for severity in SEVERITIES])
    return (images * 255).round().to(torch.uint8)


def _right(
    networks: Networks, images: Images, labels: Tensor, rows: Tensor, conditions: Sequence[str]
) -> dict[Key, Outcomes]:
    """Which images each network gets right; they are those of one condition after another, `rows` of the test set."""
    parts: dict[int, dict[Key, Tensor]] = {}
    for (model, replicate), network in networks.items():
        answers = logits(network, images).argmax(1).cpu().view(len(conditions), -1)
        keys: list[Key] = [("accuracy", model, condition) for condition in conditions]
        parts.setdefault(replicate, {}).update(zip(keys, answers == labels, strict=True))
    return outcomes.stacked("test", rows, labels, [parts[replicate] for replicate in sorted(parts)])
