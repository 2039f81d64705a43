"""JSMA on every network of the study: a part of the analysis with a stage of its own."""

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from friendfoe.data.pixels import to_float
from friendfoe.data.store import Split
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.studies.distillation.names import HOTTEST, JSMA, UNDISTILLED, temperature
from friendfoe.studies.distillation.protocol import attack, counts, robustness
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.examples import Examples, answered, join, write
from friendfoe.studies.inputs import Inputs

SHOWN = 5  # images of the gallery
Rows = list[dict[str, Any]]


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Attack every network; write success.csv, attacks.csv and a gallery into `out`.

    success.csv: label, target, n, reached and features (`protocol.counts`), model, replicate, kind (of JSMA).
    attacks.csv: model, replicate, kind, attacks (how many), forward and backward (passes, counted in images),
    robustness (`protocol.robustness`).

    Raises:
        UserError: a network is missing or damaged, or there are fewer wrong classes than targets.
    """
    settings, test = study.settings.jsma, study.test
    classes = len(test.classes)
    if settings.targets >= classes:
        place = f"params.yaml: studies.distillation.jsma.targets: {settings.targets}"
        raise UserError(f"{place}: {study.data} has {classes} classes, so that an image has {classes - 1} wrong ones")
    images, labels = to_float(test.images[:]), test.labels
    shown = torch.arange(min(SHOWN, len(labels)))

    def replicate(number: int, send: Send) -> tuple[pd.DataFrame, Rows, list[Examples]]:
        success: list[pd.DataFrame] = []
        attacks: Rows = []
        gallery: list[Examples] = []
        for model in study.job.models:
            network, at = study.network(model, number), temperature(model)
            for kind in kinds(model):
                found = attack(network, images, labels, classes, settings, kind=kind, temperature=at)
                of: dict[str, Any] = {"model": model, "replicate": number, "kind": kind}
                success.append(counts(found, settings.features).assign(**of))
                passes = {"forward": found.forward, "backward": found.backward}
                least = robustness(found, settings)
                attacks.append({**of, "attacks": len(found.labels), **passes, "robustness": least})
                if number == 0 and model in (UNDISTILLED, HOTTEST):
                    first = (found.images[shown * settings.targets] * 255).round().to(torch.uint8)
                    part = answered(network, first, labels[shown], test.classes)
                    targets = [test.classes[target] for target in found.targets[shown * settings.targets].tolist()]
                    answers = part.answers.assign(model=model, kind=kind, target=targets, row=shown.tolist())
                    gallery.append(Examples(part.images, answers))
                send(model)
        return pd.concat(success), attacks, gallery

    total = len(study.replicates) * sum(len(kinds(model)) for model in study.job.models)
    with progress(f"JSMA on {study.data}", total) as advance:
        results = each_replicate(replicate, len(study.replicates), lambda *_: advance(1))
    success = pd.concat([result[0] for result in results])
    attacks = pd.DataFrame([row for result in results for row in result[1]])
    success.to_csv(out / "success.csv", index=False, float_format="%.6g")
    attacks.to_csv(out / "attacks.csv", index=False, float_format="%.6g")
    write(join([_clean(study, test, shown), *results[0][2]]), out, "gallery")


def kinds(model: str) -> list[str]:
    """The kinds of JSMA that a model is attacked with; the costliest, on logits as they are, on the two ends alone.

    At T = 1 the softmax of logits / T is the softmax.
    """
    left_out = {"jsma-temperature"} if temperature(model) == 1 else set()
    if model not in (UNDISTILLED, HOTTEST):
        left_out.add("jsma-logits")
    return [name for name in JSMA if name not in left_out]


def _clean(study: Inputs[Settings], test: Split, rows: torch.Tensor) -> Examples:
    part = answered(study.network(UNDISTILLED, 0), test.images[rows], test.labels[rows], test.classes)
    return Examples(part.images, part.answers.assign(model=UNDISTILLED, kind="clean", target="–", row=range(len(rows))))
