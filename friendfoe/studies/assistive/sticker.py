"""The sticker: a signal or an attack that covers only a square of the image; how much it helps and harms.

Pestana et al. (2021, arXiv 2105.00622) print such a patch and stick it to the object.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.attacks.patch import square_patch
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Goal, Threat
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.models.predict import predict
from friendfoe.runtime import batch_size
from friendfoe.studies.analysis import Record, side_by_side, write_table
from friendfoe.studies.assistive.settings import Patch, Settings
from friendfoe.studies.gallery import Gallery, answered, join
from friendfoe.studies.inputs import Inputs


def analyse(study: Inputs[Settings], model: str, out: Path) -> None:
    """Craft stickers on every replicate of a model; write sticker.csv, and examples as stickers.npz and stickers.csv.

    sticker.csv: replicate, goal, side (pixels), area (share of the image), place ("grid" with top and left in pixels,
    "best", or "clean" for no sticker), n, correct, true (mean probability of the true class).
    """
    rows = study.test.some(study.settings.patch.images)
    clean, labels = study.test.images[rows], study.test.labels[rows]

    def replicate(number: int, step: Callable[[], None]) -> tuple[list[Record], list[Gallery]]:
        network = study.network(model, number)
        records: list[Record] = []
        galleries: list[Gallery] = []
        for goal in Goal:
            counts, gallery = _with_goal(study, network, clean, labels, goal, step)
            records += [{"replicate": number, "goal": goal.value, **count} for count in counts]
            galleries.append(gallery)
        return records, galleries

    steps = len(sides(study.settings.patch.areas, *clean.shape[2:])) * len(Goal)
    results = side_by_side(f"stickers on {study.data}", len(study.replicates), replicate, steps)
    table = pd.DataFrame([row for records, _ in results for row in records])
    write_table(table.astype({"top": "Int64", "left": "Int64"}), out, "sticker")
    join(results[0][1]).write(out, "stickers")


def _with_goal(
    study: Inputs[Settings], network: nn.Module, clean: Tensor, labels: Tensor, goal: Goal, step: Callable[[], None]
) -> tuple[list[Record], Gallery]:
    """Counts of one goal, by side and place; and one image without and with its stickers."""
    before, pixels = predict(network, clean).cpu(), clean.shape[2:].numel()
    example = [_example(before, labels, goal)]

    def show(images: Tensor, side: int, top: int, left: int) -> Gallery:
        gallery = answered(network, images[example], labels[example], study.test.classes)
        return gallery.assign(goal=goal.value, side=side, top=top, left=left)

    records: list[Record] = [{"side": 0, "area": 0.0, "place": "clean", **_counts(before, labels)}]
    galleries = [show(clean, 0, 0, 0)]
    for side in sides(study.settings.patch.areas, *clean.shape[2:]):
        stickers = stick(network, clean, labels, goal, side, study.settings.patch)
        key: Record = {"side": side, "area": side * side / pixels}
        best = stickers.probabilities[stickers.best, torch.arange(len(labels))]
        records.append({**key, "place": "best", **_counts(best, labels)})
        for (top, left), probabilities in zip(stickers.places, stickers.probabilities, strict=True):
            records.append({**key, "place": "grid", "top": top, "left": left, **_counts(probabilities, labels)})
        place = int(stickers.best[example])
        galleries.append(show(stickers.images[place], side, *stickers.places[place]))
        step()
    return records, join(galleries)


@dataclass(frozen=True)
class Stickers:
    """Images with a sticker of one goal and side, in every place of a grid."""

    places: list[tuple[int, int]]  # P times (top, left), in pixels
    images: Tensor  # uint8 [P, N, C, H, W], as saved
    probabilities: Tensor  # what the model answers, [P, N, K]
    best: Tensor  # int64 [N], the place with the lowest loss of the image's label (friend) or the highest (foe)


def sides(areas: list[float], height: int, width: int) -> list[int]:
    """Sides in pixels of the squares that come closest to shares of the image; each once."""
    nearest = (round((area * height * width) ** 0.5) for area in areas)
    return sorted({min(max(side, 1), height, width) for side in nearest})


def places(grid: int, side: int, height: int, width: int) -> list[tuple[int, int]]:
    """(top, left) of evenly spaced squares, each once; the first is the upper left corner."""
    tops, lefts = (
        sorted({round(i * (length - side) / max(1, grid - 1)) for i in range(grid)}) for length in (height, width)
    )
    return [(top, left) for top in tops for left in lefts]


def stick(network: nn.Module, clean: Tensor, labels: Tensor, goal: Goal, side: int, settings: Patch) -> Stickers:
    """Craft a sticker, `side` pixels high and wide, for every image (uint8 [N, C, H, W]) in every place of the grid.

    Places and images share their batches.
    """
    count, (height, width) = len(clean), clean.shape[2:]
    device = next(network.parameters()).device
    where = places(settings.grid, side, height, width)
    masks = torch.cat([square_patch((height, width), side, top, left) for top, left in where])
    images, probabilities = [], []
    for rows in torch.split(torch.arange(len(where) * count), batch_size(device)):
        parts = clean[rows % count], masks[rows // count], labels[rows % count]
        pixels, mask, truth = (part.to(device) for part in parts)
        perturbed = pgd(
            network,
            to_float(pixels),
            truth,
            threat=Threat("linf", settings.eps),
            goal=goal,
            steps=settings.steps,
            random_start=False,
            mask=mask,
        )
        images.append(to_uint8(perturbed, pixels).cpu())
        probabilities.append(predict(network, images[-1]).cpu())
    every = torch.cat(probabilities).view(len(where), count, -1)
    true = every.gather(2, labels.expand(len(where), -1).unsqueeze(2)).squeeze(2)
    best = true.argmax(0) if goal is Goal.FRIEND else true.argmin(0)
    return Stickers(where, torch.cat(images).view(len(where), *clean.shape), every, best)


def _counts(probabilities: Tensor, labels: Tensor) -> Record:
    true = probabilities.gather(1, labels.unsqueeze(1)).double().mean().item()
    correct = int((probabilities.argmax(1) == labels).sum())
    return {"n": len(labels), "correct": correct, "true": true}


def _example(probabilities: Tensor, labels: Tensor, goal: Goal) -> int:
    """The first image that the goal could change: wrong for a friend, right for a foe; else the first."""
    right = probabilities.argmax(1) == labels
    rows = (right if goal is Goal.FOE else ~right).nonzero()
    return int(rows[0]) if len(rows) else 0
