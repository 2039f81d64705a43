"""What the figures show of replicate 0: the least change that misleads, logits, filters, fooling images."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.data.store import Split
from friendfoe.models.predict import predict
from friendfoe.studies.analysis import write_table
from friendfoe.studies.classes import class_rows
from friendfoe.studies.fgsm.lines import lines
from friendfoe.studies.fgsm.measures import direction
from friendfoe.studies.fgsm.names import FILTERS
from friendfoe.studies.fgsm.rubbish import fooling
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.gallery import Gallery, answered, join
from friendfoe.studies.inputs import Inputs

LEVELS = 255
MOST = 40  # filters, evenly spaced, so that nobody has chosen them
CLASSES = 10  # of fooling images, at most


def pictures(study: Inputs[Settings], out: Path) -> None:
    """Write panda.npz and panda.csv, logits.npz, filters.npz, fooling.npz and fooling-shown.csv.

    Raises:
        UserError: the data set lacks a class of the gallery.
    """
    network, test, settings = study.network("maxout", 0), study.test, study.settings
    least_changes(network, test, settings.gallery).write(out, "panda")

    row = class_rows(test, settings.gallery[0], "fgsm", "gallery")[:1]
    signs = direction(network, test.images[row], test.labels[row])
    line = lines(network, test.images[row], signs, settings.logits.reach, settings.logits.points)
    np.savez_compressed(
        out / "logits.npz",
        eps=line.eps.numpy(),
        logits=line.logits[0].numpy(),
        image=test.images[row][0].numpy(),
        signs=signs[0].numpy(),
        label=test.labels[row].numpy(),
    )
    weights = {name: filters(study.network(name, 0), test.shape) for name in FILTERS}
    arrays: dict[str, Any] = {
        name: some[torch.linspace(0, len(some) - 1, min(MOST, len(some))).long()].numpy()
        for name, some in weights.items()
    }
    np.savez_compressed(out / "filters.npz", **arrays)

    images, sure = fooling(network, test.shape, 1, study.job.eps, study.seed("fooling"))
    pixels = (images[:CLASSES, 0] * LEVELS).round().to(torch.uint8)
    np.savez_compressed(out / "fooling.npz", images=pixels.numpy())
    confidences = {"class": test.classes[:CLASSES], "before": sure[0, :CLASSES, 0], "after": sure[1, :CLASSES, 0]}
    write_table(pd.DataFrame(confidences), out, "fooling-shown")


def least_changes(network: nn.Module, test: Split, classes: list[int]) -> Gallery:
    """For each class the first test image that is answered rightly, and the least change that FGSM needs.

    The change is of whole grey levels, the same number for every pixel: what a file with 8 bits can hold. The image of
    the perturbation alone shows its signs in black, grey and white. It is figure 1 of the paper, on any data.

    Returns:
        Per class three images, told apart by `row` and `part` (clean, signs, attacked), with the number of `levels`;
        255 of them where no number suffices.

    Raises:
        UserError: the data set lacks a class.
    """
    answers = predict(network, test.images).argmax(1).cpu()
    parts = []
    for place, number in enumerate(classes):
        rows = class_rows(test, number, "fgsm", "gallery")
        right = rows[answers[rows] == number]
        row = (right if len(right) else rows)[:1]
        parts.append(_least_change(network, test.images[row], test.labels[row], test.classes).assign(row=place))
    return join(parts)


def _least_change(network: nn.Module, image: Tensor, label: Tensor, classes: list[str]) -> Gallery:
    """The three images of one row; `image` is uint8 [1, C, H, W], `label` int64 [1]."""
    signs = direction(network, image, label)
    steps = torch.arange(1, LEVELS + 1).view(-1, 1, 1, 1)
    attacked = (image.long() + steps * signs).clamp(0, LEVELS).to(torch.uint8)
    wrong = (predict(network, attacked).argmax(1).cpu() != label).nonzero().squeeze(1)
    least = int(wrong[0]) if len(wrong) else LEVELS - 1
    alone = (127.5 + 127.5 * signs).to(torch.uint8)
    images = torch.cat([image, alone, attacked[least : least + 1]])
    gallery = answered(network, images, label.expand(3), classes)
    return gallery.assign(part=["clean", "signs", "attacked"], levels=least + 1)


def filters(network: nn.Module, shape: tuple[int, int, int]) -> Tensor:
    """The weights of the first layer as images, float [units, C, H, W] (of a convolution: its kernels)."""
    layer = next(module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d))
    weights = layer.weight.detach().cpu()
    return weights if weights.dim() == 4 else weights.view(-1, *shape)


def spread(weights: Tensor) -> float:
    """The effective share of pixels that a filter looks at, mean over filters: (sum w²)² / (D sum w⁴).

    It is 1 / D for a filter of one pixel and 1 for one of equal weights.
    """
    squares = weights.flatten(1).double().square()
    shares = squares.sum(1).square() / squares.square().sum(1).clamp_min(torch.finfo(torch.float64).tiny)
    return (shares / squares.shape[1]).mean().item()


def radius(weights: Tensor) -> float:
    """How far a filter's weights w² lie from their centre, as a share of what equal weights would have; the mean.

    The distance is the root of the mean square over height and width; filters are [n, C, H, W]. It is 0 for a filter of
    one pixel and 1 for one of equal weights; of two pixels that are far apart, above 1.
    """
    mass = weights.double().square().sum(1)
    mass = mass / mass.sum((1, 2), keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    squares, equal = torch.zeros(len(mass), dtype=torch.float64), 0.0
    for axis, length in enumerate(mass.shape[1:]):
        at = torch.arange(length, dtype=torch.float64)
        profile = mass.sum(2 - axis)
        centre = (profile * at).sum(1, keepdim=True)
        squares += (profile * (at - centre).square()).sum(1)
        equal += at.var(correction=0).item()
    return (squares / equal).sqrt().mean().item() if equal else 1.0
