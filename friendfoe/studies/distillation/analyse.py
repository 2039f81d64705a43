"""What the study computes from networks and images, beyond attacks: answers, gradients, distances, fooling images."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.attacks.ball import length
from friendfoe.attacks.cw import cw_l2
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.data.stratified import stratified
from friendfoe.models.predict import logits as answers_of
from friendfoe.runtime import batch_size
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.studies.distillation.cooled import Cooled
from friendfoe.studies.distillation.fooling import fool
from friendfoe.studies.distillation.gradients import jacobian, log10_amplitude
from friendfoe.studies.distillation.names import HOTTEST, UNDISTILLED, temperature
from friendfoe.studies.distillation.settings import Distances, Settings
from friendfoe.studies.examples import Examples, answered, join, write
from friendfoe.studies.facts import facts
from friendfoe.studies.inputs import Inputs

Rows = list[dict[str, Any]]


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write facts.json and, of every network, the tables below into `out`.

    answers.csv: model, replicate, n, correct, logits (mean absolute logit), over all test images.
    gradients.csv: model, replicate, log10 (of the amplitude of the softmax's gradient), a row per image.
    distances.csv: model, replicate, right (whether the image is classified correctly: only then it is attacked),
    distance (Euclidean; empty where no adversarial image was found), likewise.
    fooling.csv: model, replicate, class, before, after (confidence in the noise, and in the class at the end), and a
    gallery of them.

    Raises:
        UserError: a network is missing or damaged.
    """
    settings, test, budget = study.settings, study.every_test_image, study.settings.distances
    counts = {"images": study.train_images, "test_images": len(test), "distances": budget.model_dump()}
    (out / "facts.json").write_text(json.dumps({**facts(study), **counts}, indent=1) + "\n")

    def some(count: int) -> Tensor:
        return torch.from_numpy(stratified(test.labels.numpy(), min(count, len(test)), seed=0))

    def replicate(number: int, send: Send) -> tuple[Rows, Rows, Rows, Rows, list[Examples]]:
        answers, gradients, distances, fooling, gallery = [], [], [], [], []
        for model in study.job.models:
            network, of = study.network(model, number), {"model": model, "replicate": number}
            given = answers_of(network, test.images)
            correct = int((given.argmax(1).cpu() == test.labels).sum())
            answers.append({**of, "n": len(test), "correct": correct, "logits": given.abs().double().mean().item()})
            gradients += [
                {**of, "log10": value} for value in _amplitudes(network, test.images[some(settings.gradients)])
            ]
            rows = some(budget.images)
            nearest = _distances(
                Cooled(network, temperature(model)), to_float(test.images[rows]), test.labels[rows], budget
            )
            distances += [{**of, "right": right, "distance": value} for right, value in nearest]
            if model in (UNDISTILLED, HOTTEST):
                made = fool(network, test.shape, len(test.classes), settings.fooling, study.seed("fooling", number))
                columns = zip(made.classes.tolist(), made.before.tolist(), made.after.tolist(), strict=True)
                fooling += [{**of, "class": k, "before": before, "after": after} for k, before, after in columns]
                first = slice(len(test.classes))  # one of each class
                part = answered(network, made.images[first], made.classes[first], test.classes)
                gallery.append(Examples(part.images, part.answers.assign(model=model)))
            send(model)
        return answers, gradients, distances, fooling, gallery

    with progress(f"networks on {study.data}", len(study.replicates) * len(study.job.models)) as advance:
        results = each_replicate(replicate, len(study.replicates), lambda *_: advance(1))
    for part, name in enumerate(("answers", "gradients", "distances", "fooling")):
        table = pd.DataFrame([row for result in results for row in result[part]])
        table.to_csv(out / f"{name}.csv", index=False, float_format="%.6g")
    write(join(results[0][4]), out, "fooling-gallery")


def _amplitudes(network: nn.Module, images: Tensor) -> list[float]:
    device = next(network.parameters()).device
    parts = torch.split(images, batch_size(device))
    return torch.cat([log10_amplitude(*jacobian(network, to_float(part.to(device)))) for part in parts]).tolist()


def _distances(network: nn.Module, images: Tensor, labels: Tensor, settings: Distances) -> list[tuple[bool, float]]:
    """Whether each image is classified correctly, and then the length of the least change that CW-L2 finds."""
    device = next(network.parameters()).device
    images, labels = images.to(device), labels.to(device)
    right = network(images).argmax(1) == labels
    anywhere = Threat("l2", images.shape[1:].numel() ** 0.5)  # the diagonal of the unit cube
    budget = settings.model_dump(exclude={"images"})
    found = cw_l2(network, images[right], labels[right], threat=anywhere, **budget)
    distance = torch.zeros(len(images), device=device)
    distance[right] = length(found - images[right]).flatten()
    return list(zip(right.tolist(), torch.where(distance > 0, distance, torch.nan).tolist(), strict=True))
