"""One eps at several sizes of the same images: what a linear model makes of it grows with the number of pixels."""

from dataclasses import replace

import torch
import torch.nn.functional as F

from friendfoe.attacks.losses import margin
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Split
from friendfoe.models.predict import logits
from friendfoe.runtime import device
from friendfoe.studies.fgsm.measures import Measured, direction, named, shifted
from friendfoe.studies.fgsm.names import SIDES
from friendfoe.training.job import Job
from friendfoe.training.replicate import train_replicate


def growth(job: Job, train: Split, test: Split, number: int, eps: float) -> Measured:
    """Replicate `number` of a model (`job`) trained and attacked with one eps on images of each of the `SIDES`.

    Returns:
        By side, as the condition: the error, what it is without the attack (`clean-error`), and `push`, by how much the
        attack lowers the lead of the label's logit over the highest of the others.
    """
    measured: Measured = {}
    for side, factor in SIDES.items():
        small, shown = resized(train, factor), resized(test, factor)
        trained = train_replicate(job, small, number)
        network = trained.best().to(device()).eval()
        trained.checkpoint.remove()
        moved = shifted(shown.images, direction(network, shown.images, shown.labels), eps)
        before, after = (logits(network, images).cpu() for images in (shown.images, moved))
        behind = [margin(z, shown.labels) for z in (before, after)]
        wrong = [(z.argmax(1) != shown.labels).float() for z in (before, after)]
        values = {"clean-error": wrong[0], "error": wrong[1], "push": behind[1] - behind[0]}
        measured |= named(job.name, side, values)
    return measured


def resized(split: Split, factor: float) -> Split:
    """The split with images whose sides are `factor` times as long: means of pixels, or between them (bilinear)."""
    if factor == 1:
        return split
    _, height, width = split.shape
    size = [max(1, round(side * factor)) for side in (height, width)]
    smooth = {"mode": "area"} if factor < 1 else {"mode": "bilinear", "align_corners": False}
    parts = [
        (F.interpolate(to_float(split.images[rows]), size, **smooth) * 255).round().to(torch.uint8)
        for rows in torch.split(torch.arange(len(split)), 4096)
    ]
    return replace(split, images=torch.cat(parts))
