"""The sticker: a signal or an attack that covers only a square of the image; how much it helps and harms.

Pestana et al. (2021, arXiv 2105.00622) print such a patch and stick it to the object. Here all is digital: image by
image, where each gets a sticker of its own, and one sticker for all images of a class (`universal`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from friendfoe.attacks.patch import square_patch
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Goal, Threat
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.evaluation.outcomes import Key, Outcomes, stacked
from friendfoe.models.predict import predict
from friendfoe.runtime import batch_size
from friendfoe.studies.analysis import side_by_side
from friendfoe.studies.assistive import universal
from friendfoe.studies.assistive.names import NO_STICKER, sticker
from friendfoe.studies.assistive.settings import Patch, Settings
from friendfoe.studies.classes import class_rows
from friendfoe.studies.gallery import Gallery, answered, join
from friendfoe.studies.inputs import Inputs


def analyse(study: Inputs[Settings], model: str) -> tuple[dict[Key, Outcomes], dict[str, Gallery]]:
    """Craft stickers on every replicate of a model, and ask it.

    Returns:
        Outcomes of some test images under (metric, model, condition), conditions being those of `names.sticker`.
        "accuracy": whether the answer is right; of several places the share of them. "true": the probability of the
        true class. And galleries: "stickers", one image with its stickers; "universal", those of the classes.
    """
    rows = study.test.some(study.settings.patch.images)
    clean, labels = study.test.images[rows], study.test.labels[rows]

    def replicate(number: int, step: Callable[[], None]) -> tuple[dict[Key, Tensor], dict[str, Gallery]]:
        network = study.network(model, number)
        before = predict(network, clean).cpu()
        found = _counted(NO_STICKER, before, labels)
        galleries: dict[str, list[Gallery]] = {"stickers": [], "universal": []}
        for goal in Goal:
            counts, gallery = _image_by_image(study, network, clean, labels, before, goal, step)
            found |= counts
            galleries["stickers"].append(gallery)
            counts, gallery = _class_by_class(study, network, clean, labels, goal, number, step)
            found |= counts
            galleries["universal"].append(gallery)
        found |= _covered(study, network, clean, labels)
        keyed = {(metric, model, condition): values for (metric, condition), values in found.items()}
        return keyed, {name: join(parts) for name, parts in galleries.items()}

    steps = 2 * len(sides(study.settings.patch.areas, *clean.shape[2:])) * len(Goal)
    results = side_by_side(f"stickers on {study.data}", len(study.replicates), replicate, steps)
    return stacked("test", rows, labels, [found for found, _ in results]), results[0][1]


Found = dict[tuple[str, str], Tensor]
"""Values of images [N] by metric and condition."""


def _image_by_image(
    study: Inputs[Settings],
    network: nn.Module,
    clean: Tensor,
    labels: Tensor,
    before: Tensor,
    goal: Goal,
    step: Callable[[], None],
) -> tuple[Found, Gallery]:
    """A sticker for every image; and one image without (`before`: what is answered then) and with its stickers."""
    example = [_example(before, labels, goal)]

    def show(images: Tensor, side: int, top: int, left: int) -> Gallery:
        gallery = answered(network, images[example], labels[example], study.test.classes)
        return gallery.assign(goal=goal.value, side=side, top=top, left=left)

    found: Found = {}
    galleries = [show(clean, 0, 0, 0)]
    for side in sides(study.settings.patch.areas, *clean.shape[2:]):
        stickers = stick(network, clean, labels, goal, side, study.settings.patch)
        best = stickers.probabilities[stickers.best, torch.arange(len(labels))]
        found |= _counted(sticker(goal.value, side, "best"), best, labels)
        for (top, left), probabilities in zip(stickers.places, stickers.probabilities, strict=True):
            counted = _counted(sticker(goal.value, side, f"{top}-{left}"), probabilities, labels)
            found |= {key: values for key, values in counted.items() if key[0] == "accuracy" or (top, left) == (0, 0)}
        place = int(stickers.best[example])
        galleries.append(show(stickers.images[place], side, *stickers.places[place]))
        step()
    return found, join(galleries)


def _class_by_class(
    study: Inputs[Settings],
    network: nn.Module,
    clean: Tensor,
    labels: Tensor,
    goal: Goal,
    number: int,
    step: Callable[[], None],
) -> tuple[Found, Gallery]:
    """A sticker for every class, judged in all places; and, of the middle size, an image of each class with it."""
    settings, shape = study.settings.patch, clean.shape[2:]
    found: Found = {}
    sizes = sides(settings.areas, *shape)
    shown = torch.stack([class_rows(study.test, c, "assistive", "gallery")[0] for c in study.settings.gallery])
    truth = study.test.labels[shown]
    for side in sizes:
        seed = study.seed("sticker", number, side)
        stickers = universal.craft_stickers(network, study.train, goal, side, settings.universal, seed)
        where = places(settings.grid, side, *shape)
        probabilities = universal.judged(network, clean, stickers[labels], where)
        found |= _counted(sticker(goal.value, side, "universal"), probabilities, labels)
        if side == sizes[len(sizes) // 2]:
            top, left = where[len(where) // 2]
            middle = [torch.full((len(shown),), value) for value in (top, left)]
            images = universal.paste(study.test.images[shown], stickers[truth], *middle)
            gallery = answered(network, images, truth, study.test.classes)
            gallery = gallery.assign(goal=goal.value, side=side, top=top, left=left)
        step()
    return found, gallery


def _covered(study: Inputs[Settings], network: nn.Module, clean: Tensor, labels: Tensor) -> Found:
    """What covering a square alone does: a grey one in all places, of every size."""
    found: Found = {}
    for side in sides(study.settings.patch.areas, *clean.shape[2:]):
        grey = torch.full((len(clean), clean.shape[1], side, side), round(255 * universal.GREY), dtype=torch.uint8)
        where = places(study.settings.patch.grid, side, *clean.shape[2:])
        found |= _counted(sticker("grey", side, "universal"), universal.judged(network, clean, grey, where), labels)
    return found


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
    for rows in torch.split(torch.arange(len(where) * count), batch_size(device, clean.shape)):
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


def _counted(condition: str, probabilities: Tensor, labels: Tensor) -> Found:
    """What is counted of probabilities [N, K], or [P, N, K] in P places, of which the mean counts."""
    every = probabilities.view(-1, *probabilities.shape[-2:])
    true = every.gather(2, labels.expand(len(every), -1).unsqueeze(2)).squeeze(2)
    right = (every.argmax(2) == labels).float()
    return {("accuracy", condition): right.mean(0), ("true", condition): true.mean(0)}


def _example(probabilities: Tensor, labels: Tensor, goal: Goal) -> int:
    """The first image that the goal could change: wrong for a friend, right for a foe; else the first."""
    right = probabilities.argmax(1) == labels
    rows = (right if goal is Goal.FOE else ~right).nonzero()
    return int(rows[0]) if len(rows) else 0
