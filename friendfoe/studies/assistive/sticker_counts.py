"""How much stickers help and harm, by area and place."""

from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.attacks.threat import Goal
from friendfoe.models.predict import predict
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.studies.assistive.settings import Settings
from friendfoe.studies.assistive.sticker import sides, stick
from friendfoe.studies.examples import Examples, answered, join, write
from friendfoe.studies.inputs import Inputs

Rows = list[dict[str, Any]]


def analyse(study: Inputs[Settings], model: str, out: Path) -> None:
    """Craft stickers on every replicate of a model; write sticker.csv, and examples as stickers.npz and stickers.csv.

    sticker.csv: replicate, goal, side (pixels), area (share of the image), place ("grid" with top and left in pixels,
    "best", or "clean" for no sticker), n, correct, true (mean probability of the true class).
    """
    order = torch.randperm(len(study.test), generator=torch.Generator().manual_seed(study.seed("sticker")))
    chosen = order[: study.settings.patch.images].sort().values
    clean, labels = study.test.images[chosen], study.test.labels[chosen]
    found = sides(study.settings.patch.areas, *clean.shape[2:])

    def replicate(number: int, send: Send) -> tuple[Rows, list[Examples]]:
        network = study.network(model, number)
        rows: Rows = []
        examples: list[Examples] = []
        for goal in Goal:
            before = predict(network, clean).cpu()
            example = _example(before, labels, goal)
            rows.append({**_kind(number, goal, 0, clean), "place": "clean", **_count(before, labels)})
            examples.append(_shown(network, study, clean[example], labels[example], goal, 0))
            for side in found:
                stickers = stick(network, clean, labels, goal, side, study.settings.patch)
                kind, every = _kind(number, goal, side, clean), torch.arange(len(labels))
                rows.append({**kind, "place": "best", **_count(stickers.probabilities[stickers.best, every], labels)})
                for (top, left), answers in zip(stickers.places, stickers.probabilities, strict=True):
                    rows.append({**kind, "place": "grid", "top": top, "left": left, **_count(answers, labels)})
                best = int(stickers.best[example])
                image, place = stickers.images[best, example], stickers.places[best]
                examples.append(_shown(network, study, image, labels[example], goal, side, place))
                send(side)
        return rows, examples

    with progress(f"stickers on {study.data}", len(study.replicates) * len(found) * len(Goal)) as advance:
        results = each_replicate(replicate, len(study.replicates), lambda *_: advance(1))
    table = pd.DataFrame([row for rows, _ in results for row in rows])
    table.astype({"top": "Int64", "left": "Int64"}).to_csv(out / "sticker.csv", index=False, float_format="%.6g")
    write(join(results[0][1]), out, "stickers")


def _kind(replicate: int, goal: Goal, side: int, images: Tensor) -> dict[str, Any]:
    area = side * side / (images.shape[2] * images.shape[3])
    return {"replicate": replicate, "goal": goal.value, "side": side, "area": area}


def _count(probabilities: Tensor, labels: Tensor) -> dict[str, Any]:
    true = probabilities.gather(1, labels.unsqueeze(1)).double().mean().item()
    correct = int((probabilities.argmax(1) == labels).sum())
    return {"n": len(labels), "correct": correct, "true": true}


def _example(probabilities: Tensor, labels: Tensor, goal: Goal) -> int:
    """The first image that the goal could change: wrong for a friend, right for a foe; else the first."""
    right = probabilities.argmax(1) == labels
    found = (right if goal is Goal.FOE else ~right).nonzero()
    return int(found[0]) if len(found) else 0


def _shown(
    network: nn.Module,
    study: Inputs[Settings],
    image: Tensor,
    label: Tensor,
    goal: Goal,
    side: int,
    place: tuple[int, int] = (0, 0),
) -> Examples:
    part = answered(network, image.unsqueeze(0), label.unsqueeze(0), study.test.classes)
    return Examples(part.images, part.answers.assign(goal=goal.value, side=side, top=place[0], left=place[1]))
