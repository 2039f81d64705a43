"""What every network of the study gets wrong: clean test images, and some of them under every corruption."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, SEVERITIES, corrupt
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images
from friendfoe.evaluation.mce import CLEAN
from friendfoe.models.predict import logits
from friendfoe.runtime import device, paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.studies.advprop.benchmarks import all_errors, found
from friendfoe.studies.advprop.names import ATTACKERS, METHODS
from friendfoe.studies.advprop.settings import Settings
from friendfoe.studies.facts import facts
from friendfoe.studies.inputs import Inputs

Networks = dict[tuple[str, int], nn.Module]
Rows = list[dict[str, Any]]


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json, errors.csv and benchmarks.csv into `out`.

    errors.csv: model (M/V for variant V of model M), replicate, corruption (`clean` for none), severity (0 for clean),
    n and error, the share of the images that is misclassified. Clean are all test images; corrupted are those of the
    budget, rounded to 8 bits, the same for all networks and replicates. benchmarks.csv: likewise, on the published
    benchmarks that are there, for networks of all sizes; their names stand in the column benchmark.

    Raises:
        UserError: a network is missing or damaged.
    """
    names = [*(f"{method}/{size}" for method in METHODS for size in study.job.sizes or []), *_attackers(study)]
    (out / "facts.json").write_text(json.dumps(_facts(study, names), indent=1) + "\n")
    networks = {(name, number): study.network(name, number) for name in names for number in study.replicates}
    corruptions = [CLEAN, *CORRUPTIONS, *(MNIST_C if study.test.shape[0] == 1 else ())]

    def corruption(number: int, send: Send) -> Rows:
        rows = _clean(study, networks) if number == 0 else _corrupted(study, networks, corruptions[number])
        send(None)
        return rows

    with progress(f"corruptions of {study.data}", len(corruptions)) as advance:
        parts = each_replicate(
            corruption, len(corruptions), lambda *_: advance(1)
        )  # these, not replicates, in parallel
    table = pd.DataFrame([row for part in parts for row in part])
    table.to_csv(out / "errors.csv", index=False, float_format="%.6g")
    sized = {of: network for of, network in networks.items() if not of[0].startswith(f"{ATTACKERS}/")}
    there = found(study.settings.benchmarks.get(study.data, []))
    errors = all_errors(there, sized, study.test.classes, study.test.shape)
    errors.to_csv(out / "benchmarks.csv", index=False, float_format="%.6g")


def _attackers(study: Inputs[Settings]) -> list[str]:
    """The variants of the model that is trained against attackers of every strength."""
    folder = paths.model(study.data, study.job.study, ATTACKERS)
    found = (
        [f"{ATTACKERS}/{path.name}" for path in sorted(folder.iterdir()) if path.is_dir()] if folder.exists() else []
    )
    if not found:
        raise UserError(
            f"{folder} holds no networks; `dvc repro pipelines/advprop/dvc.yaml:plot@{study.data}` makes them"
        )
    return found


def _facts(study: Inputs[Settings], names: list[str]) -> dict[str, Any]:
    known = facts(study, names)
    attackers = {
        name: next(of for of in model["job"]["method"]["distributions"] if of["images"] == "adversarial")
        for name, model in known["models"].items()
        if name.startswith(f"{ATTACKERS}/")
    }
    inner = study.job.inner_attack
    assert inner
    return {
        **known,
        "test_images": len(study.every_test_image),
        "corrupted_images": len(study.test),
        "available": len(study.train),
        "train_images": study.train_images,
        "sizes": study.job.sizes,
        "steps": inner.steps,
        "step": inner.rel_step,
        "attackers": {
            name: {"eps": of["strength"] * known["eps"], "steps": of.get("steps") or inner.steps}
            for name, of in attackers.items()
        },
    }


def _clean(study: Inputs[Settings], networks: Networks) -> Rows:
    test = study.every_test_image
    return _errors(networks, test.images, test.labels, CLEAN, [0])


def _corrupted(study: Inputs[Settings], networks: Networks, name: str) -> Rows:
    """The errors under one corruption; its images are made once for all networks."""
    clean, seed = to_float(study.test.images[:].to(device())), study.seed("corruption")
    made = [_rounded(corrupt(clean, name, severity, seed=seed)).cpu() for severity in SEVERITIES]
    return _errors(networks, torch.cat(made), study.test.labels, name, list(SEVERITIES))


def _rounded(images: Tensor) -> Tensor:
    return (images * 255).round().to(torch.uint8)


def _errors(networks: Networks, images: Images, labels: Tensor, name: str, severities: list[int]) -> Rows:
    """A row per network and severity; the images are those of one severity after another."""
    rows = []
    for (model, replicate), network in networks.items():
        answers = logits(network, images).argmax(1).cpu().view(len(severities), -1)
        wrong = (answers != labels).double().mean(1).tolist()
        of = {"model": model, "replicate": replicate, "corruption": name, "n": len(labels)}
        rows += [
            {**of, "severity": severity, "error": error} for severity, error in zip(severities, wrong, strict=True)
        ]
    return rows
