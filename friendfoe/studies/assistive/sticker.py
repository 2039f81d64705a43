"""The sticker: a signal or an attack that covers only a square of the image.

Pestana et al. (2021, arXiv 2105.00622) print such a patch and stick it to the object.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from friendfoe.attacks.patch import square_patch
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Goal, Threat
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.models.predict import predict
from friendfoe.runtime import batch_size
from friendfoe.studies.assistive.settings import Patch


@dataclass(frozen=True)
class Stickers:
    """Images with a sticker of one goal and side, in every place of a grid.

    Attributes:
        places: P times (top, left), in pixels.
        images: uint8 [P, N, C, H, W], as saved.
        probabilities: what the model answers, [P, N, K].
        best: int64 [N], the place with the lowest loss of the image's label (friend) or the highest (foe).
    """

    places: list[tuple[int, int]]
    images: Tensor
    probabilities: Tensor
    best: Tensor


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
    """Craft a sticker for every image in every place; places and images share their batches.

    Args:
        network: gives logits [N, K].
        clean: uint8 [N, C, H, W].
        labels: int64 [N].
        goal: friend or foe.
        side: of the square, in pixels.
        settings: eps, steps and grid.
    """
    count, (height, width) = len(clean), clean.shape[2:]
    device = next(network.parameters()).device
    where = places(settings.grid, side, height, width)
    masks = torch.cat([square_patch((height, width), side, top, left) for top, left in where])
    images, probabilities = [], []
    for rows in torch.split(torch.arange(len(where) * count), batch_size(device)):
        pixels, mask, of = (x.to(device) for x in (clean[rows % count], masks[rows // count], labels[rows % count]))
        perturbed = pgd(
            network,
            to_float(pixels),
            of,
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
