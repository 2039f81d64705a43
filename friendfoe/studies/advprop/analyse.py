"""What every network of the study gets wrong: clean test images, some of them corrupted, and published benchmarks."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, SEVERITIES, corrupt
from friendfoe.data.pixels import to_float
from friendfoe.data.published import available, read
from friendfoe.data.store import Images
from friendfoe.evaluation.benchmarks import benchmark_errors
from friendfoe.evaluation.mce import CLEAN
from friendfoe.models.predict import logits
from friendfoe.runtime import data_root, device, paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.advprop.names import ATTACKERS, METHODS
from friendfoe.studies.advprop.settings import Settings
from friendfoe.studies.analysis import Record, side_by_side, write_table
from friendfoe.studies.facts import write_facts
from friendfoe.studies.inputs import Inputs

Networks = Mapping[tuple[str, int], nn.Module]
"""(model, replicate) -> network."""

_COLUMNS = ["benchmark", "model", "replicate", "corruption", "severity", "n", "error"]


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, errors.csv and benchmarks.csv into `out`.

    errors.csv: model (M/V for variant V of model M), replicate, corruption (`clean` for none), severity (0 for clean),
    n and error, the share of the images that is misclassified. Clean are all test images; corrupted are those of the
    budget, rounded to 8 bits, the same for all networks and replicates. benchmarks.csv: likewise, on the published
    benchmarks that are there, for networks of all sizes; their names stand in the column benchmark.

    Raises:
        UserError: a network is missing or damaged.
    """
    attackers, sizes = _attackers(study), study.job.sizes or []
    names = [*(f"{method}/{size}" for method in METHODS for size in sizes), *attackers]
    _write_facts(study, out, names, attackers)
    networks = {(name, number): study.network(name, number) for name in names for number in study.replicates}
    corruptions = [CLEAN, *CORRUPTIONS, *(MNIST_C if study.test.shape[0] == 1 else ())]

    def corruption(number: int, step: Callable[[], None]) -> list[Record]:
        name, test = corruptions[number], study.every_test_image
        if name == CLEAN:
            records = _errors(networks, test.images, test.labels, name, [0])
        else:
            records = _corrupted(study, networks, name)
        step()
        return records

    parts = side_by_side(f"corruptions of {study.data}", len(corruptions), corruption)  # these in place of replicates
    write_table([row for part in parts for row in part], out, "errors")
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
    inner, strengths = study.job.inner_attack, {}
    assert inner
    for name in attackers:
        distributions: list[dict[str, Any]] = study.headers(name)[0].job["method"]["distributions"]
        attacker = next(images for images in distributions if images["images"] == "adversarial")
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
    )


def _corrupted(study: Inputs[Settings], networks: Networks, name: str) -> list[Record]:
    """The errors under one corruption; its images are made once for all networks."""
    clean, seed = to_float(study.test.images[:].to(device())), study.seed("corruption")
    images = torch.cat([corrupt(clean, name, severity, seed=seed).cpu() for severity in SEVERITIES])
    stored = (images * 255).round().to(torch.uint8)
    return _errors(networks, stored, study.test.labels, name, list(SEVERITIES))


def _errors(networks: Networks, images: Images, labels: Tensor, corruption: str, severities: list[int]) -> list[Record]:
    """A row per network and severity; the images are those of one severity after another."""
    records: list[Record] = []
    for (model, replicate), network in networks.items():
        answers = logits(network, images).argmax(1).cpu().view(len(severities), -1)
        errors = (answers != labels).double().mean(1).tolist()
        key: Record = {"model": model, "replicate": replicate, "corruption": corruption, "n": len(labels)}
        records += [{**key, "severity": s, "error": error} for s, error in zip(severities, errors, strict=True)]
    return records
