"""The sticker: signals and attacks that cover only a square of the image, by area and position.

Pestana et al. (2021, arXiv 2105.00622) print such a patch and stick it to the object. Every position of a grid is
tried; the fixed corner is one of them, and the best place of an image is where the loss of its label is best.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.attacks import Goal, Threat, pgd, square_patch
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.models.predict import predict
from friendfoe.runtime import batch_size
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.studies.assistive.settings import Patch, Settings
from friendfoe.studies.examples import Examples, answered, join, write
from friendfoe.studies.inputs import Inputs

Record = dict[str, object]  # a row of sticker.csv


@dataclass(frozen=True)
class Stickers:
    """Images with a sticker in every position of a grid.

    Attributes:
        images: uint8 [P, N, C, H, W], as saved.
        probabilities: [P, N, K].
    """

    images: Tensor
    probabilities: Tensor

    def true(self, labels: Tensor) -> Tensor:
        """The probability of the true class, [P, N]."""
        return self.probabilities.gather(2, labels.expand(len(self.images), -1).unsqueeze(2)).squeeze(2)

    def best(self, labels: Tensor, goal: Goal) -> Tensor:
        """Per image the position with the lowest loss of its label (friend) or the highest (foe), int64 [N]."""
        true = self.true(labels)
        return true.argmax(0) if goal is Goal.FRIEND else true.argmin(0)


def analyse(study: Inputs[Settings], model: str, out: Path) -> None:
    """Write sticker.csv (counts by area and place) and the examples stickers.npz and stickers.csv into `out`.

    sticker.csv: replicate, goal, side (pixels), area (share of the image), place ("corner", "best", or "TOP-LEFT" in
    pixels), n, correct, true (mean probability of the true class); side 0, place "clean", is the image without sticker.
    """
    order = torch.randperm(len(study.test), generator=torch.Generator().manual_seed(study.seed("sticker")))
    chosen = order[: study.settings.patch.images].sort().values
    clean, labels = study.test.images[chosen], study.test.labels[chosen]
    height, width = clean.shape[2:]
    found = sides(study.settings.patch.areas, height, width)

    def replicate(number: int, send: Send) -> tuple[list[Record], list[Examples]]:
        network = study.network(model, number)
        records: list[Record] = []
        shown: list[Examples] = []
        for goal in Goal:
            before = predict(network, clean).cpu()
            example = _example(before, labels, goal)
            pictures = {0: clean}
            records.append(_record(before, labels, number, goal, 0, 0.0, "clean"))
            for side in found:
                places = positions(study.settings.patch.grid, side, height, width)
                stickers = stuck(network, clean, labels, goal, study.settings.patch, side, places)
                kind = (labels, number, goal, side, side * side / (height * width))
                best = stickers.best(labels, goal), torch.arange(len(labels))
                pictures[side] = stickers.images[best]
                records.append(_record(stickers.probabilities[best], *kind, "best"))
                records.append(_record(stickers.probabilities[0], *kind, "corner"))
                for (top, left), probabilities in zip(places, stickers.probabilities, strict=True):
                    records.append(_record(probabilities, *kind, f"{top}-{left}"))
                send(side)
            if number == 0:
                one = slice(example, example + 1)
                for side, images in pictures.items():
                    part = answered(network, images[one], labels[one], study.test.classes)
                    shown.append(Examples(part.images, part.answers.assign(goal=goal.value, side=side)))
        return records, shown

    with progress(f"stickers on {study.data}", len(study.replicates) * len(found) * len(Goal)) as advance:
        results = each_replicate(replicate, len(study.replicates), lambda *_: advance(1))
    pd.DataFrame([record for records, _ in results for record in records]).to_csv(out / "sticker.csv", index=False)
    write(join(results[0][1]), out, "stickers")


def sides(areas: list[float], height: int, width: int) -> list[int]:
    """Sides in pixels of the squares that come closest to shares of the image; each once."""
    nearest = (round((area * height * width) ** 0.5) for area in areas)
    return sorted({min(max(side, 1), height, width) for side in nearest})


def positions(grid: int, side: int, height: int, width: int) -> list[tuple[int, int]]:
    """(top, left) of evenly spaced squares, each once; the first is the corner."""
    tops, lefts = (
        sorted({round(i * (length - side) / max(1, grid - 1)) for i in range(grid)}) for length in (height, width)
    )
    return [(top, left) for top in tops for left in lefts]


def stuck(
    network: nn.Module,
    clean: Tensor,
    labels: Tensor,
    goal: Goal,
    settings: Patch,
    side: int,
    places: list[tuple[int, int]],
) -> Stickers:
    """Craft a sticker for every image [N, C, H, W] in every place; positions and images share their batches."""
    count, (height, width) = len(clean), clean.shape[2:]
    device = next(network.parameters()).device
    masks = torch.cat([square_patch((height, width), side, top, left) for top, left in places])
    threat = Threat("linf", settings.eps)
    images, probabilities = [], []
    for rows in torch.arange(len(places) * count).split(batch_size(device)):
        pixels, mask = clean[rows % count].to(device), masks[rows // count].to(device)
        of = labels[rows % count].to(device)
        perturbed = pgd(
            network, to_float(pixels), of, threat=threat, goal=goal, steps=settings.steps, random_start=False, mask=mask
        )
        images.append(to_uint8(perturbed, pixels))
        probabilities.append(predict(network, images[-1]).cpu())
    shape = (len(places), count)
    return Stickers(torch.cat(images).cpu().unflatten(0, shape), torch.cat(probabilities).unflatten(0, shape))


def _record(
    probabilities: Tensor, labels: Tensor, replicate: int, goal: Goal, side: int, area: float, place: str
) -> Record:
    true = probabilities.gather(1, labels.unsqueeze(1))
    correct = int((probabilities.argmax(1) == labels).sum())
    kind = {"replicate": replicate, "goal": goal.value, "side": side, "area": area, "place": place}
    return {**kind, "n": len(labels), "correct": correct, "true": float(true.double().mean())}


def _example(probabilities: Tensor, labels: Tensor, goal: Goal) -> int:
    """The first image that the goal could change: wrong for a friend, right for a foe; else the first."""
    right = probabilities.argmax(1) == labels
    found = (right if goal is Goal.FOE else ~right).nonzero()
    return int(found[0]) if len(found) else 0
