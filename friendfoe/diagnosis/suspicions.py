"""What clean accuracy gives away: labels in another order, images that are normalised twice, never, or otherwise."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from friendfoe.attacks.contract import Model, NotFiniteError
from friendfoe.attacks.white_box import white_box
from friendfoe.data.pixels import to_float
from friendfoe.diagnosis.guards import Finding
from friendfoe.evaluation.intervals import wilson
from friendfoe.models.normalisation import USUAL
from friendfoe.runtime.batches import in_batches

_GOOD = 0.9  # accuracy above which nobody normalises wrongly
_TRIED = 250  # images on which ways to normalise are tried, at equal distances: in a folder they lie class by class

Ints = NDArray[np.int64]
Explanation = tuple[float, Finding]
"""The accuracy without what is wrong, and what that is."""


def suspicions(
    model: Model, images: Tensor, answers: Ints, labels: Ints, classes: Sequence[str], device: torch.device
) -> list[Finding]:
    """What explains a clean accuracy that is lower than the model deserves; empty where nothing does.

    Args:
        model: gives logits [N, K].
        images: [N, C, H, W], uint8 or floating in [0, 1].
        answers: int64 [N], the model's on clean images.
        labels: int64 [N].
        classes: K names.
        device: of the model.
    """
    right = answers == labels
    low, high = (float(end) for end in wilson(int(right.sum()), len(right)))
    explained = [*_another_order(answers, labels, classes, high)]
    if high < _GOOD:
        tried = np.linspace(0, len(labels) - 1, min(len(labels), _TRIED)).round().astype(np.int64)
        explained += _normalised_otherwise(model, images[tried], labels[tried], right[tried], device)
    # a wrong normalisation mixes up classes, too, so that another order fits somewhat better: the best one counts
    found = [max(explained, key=lambda one: one[0])[1]] if explained else []
    share = np.bincount(labels, minlength=len(classes)).max() / max(1, len(labels))
    if not found and low <= max(share, 1 / len(classes)):
        text = (
            f"clean accuracy is {right.mean():.3f}, near chance, and neither another order of the classes nor a usual "
            "normalisation explains it: the weights may be of another network or data set"
        )
        found = [Finding("near chance", text, True)]
    return found


def _another_order(answers: Ints, labels: Ints, classes: Sequence[str], high: float) -> Iterator[Explanation]:
    """The order of classes that fits one half of the images best, where it fits the other half, too."""
    from scipy.optimize import linear_sum_assignment

    fit, held_out = slice(0, None, 2), slice(1, None, 2)
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (labels[fit], answers[fit]), 1)
    counts = 2 * counts + np.eye(len(classes), dtype=np.int64)  # of orders that fit as well, the given one
    order = linear_sum_assignment(-counts)[1]
    fitting = order[labels[held_out]] == answers[held_out]
    if np.array_equal(order, np.arange(len(classes))) or float(wilson(int(fitting.sum()), len(fitting))[0]) <= high:
        return
    moved = np.flatnonzero(order != np.arange(len(classes)))
    shifts = {int(shift) for shift in (order - np.arange(len(classes))) % len(classes)}
    if len(shifts) == 1:
        shift = shifts.pop()
        shift = shift if shift <= len(classes) // 2 else shift - len(classes)
        what = f"labels seem to be shifted by {-shift:+d}"
    else:
        pairs = ", ".join(f"{classes[label]} is answered as {classes[order[label]]}" for label in moved[:3])
        what = f"classes seem to be in another order than the model's ({pairs}{', ...' if len(moved) > 3 else ''})"
    text = (
        f"{what}: clean accuracy is {(answers == labels).mean():.3f}, and would be {fitting.mean():.3f} in the model's "
        "order; give labels, or the names of the classes, in that"
    )
    yield float(fitting.mean()), Finding("order of classes", text, True)


def floating(pixels: Tensor) -> Tensor:
    """Images [..., C, H, W] as a model sees them."""
    return to_float(pixels) if pixels.dtype == torch.uint8 else pixels


def _normalised_otherwise(
    model: Model, images: Tensor, labels: Ints, right: NDArray[np.bool_], device: torch.device
) -> Iterator[Explanation]:
    """The way to normalise images under which the model is significantly better."""
    high = float(wilson(int(right.sum()), len(right))[1])
    best, accuracy = "", 0.0
    truth = torch.as_tensor(labels)

    def hit(change: Callable[[Tensor], Tensor], rows: Tensor) -> int:
        return int((box.logits(change(floating(images[rows].to(device)))).argmax(1).cpu() == truth[rows]).sum())

    with white_box(model) as box:
        for what, change in _ways(images.shape[1]):
            try:
                rows, work = torch.arange(len(truth)), partial(hit, change)
                hits = sum(in_batches(rows, device, work, "answers", model=model, shape=images.shape))
            except NotFiniteError:
                continue
            if hits / len(labels) > accuracy and float(wilson(hits, len(labels))[0]) > high:
                best, accuracy = what, hits / len(labels)
    if best:
        text = f"{best}: clean accuracy is {right.mean():.3f} as it is, and {accuracy:.3f} otherwise"
        yield accuracy, Finding("normalisation", text, True)


def _ways(channels: int) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    """What may be wrong, and how images [N, C, H, W] have to be changed then."""
    yield "the model seems to ask for pixels from 0 to 255, and is given 0 to 1", lambda images: images * 255
    for name, (means, stds) in USUAL.items():
        mean, std = (_per_channel(values, channels) for values in (means, stds))
        yield (
            f"images seem not to be normalised as the model was trained ({name})",
            partial(_normalised, mean=mean, std=std),
        )
        yield (
            f"images seem to be normalised twice ({name}: by what is in front of the model, and by itself)",
            partial(_undone, mean=mean, std=std),
        )


def _normalised(images: Tensor, *, mean: Tensor, std: Tensor) -> Tensor:
    return (images - mean.to(images)) / std.to(images)


def _undone(images: Tensor, *, mean: Tensor, std: Tensor) -> Tensor:
    return images * std.to(images) + mean.to(images)


def _per_channel(values: Sequence[float], channels: int) -> Tensor:
    """Of so many channels [1, C, 1, 1]; grey images have the mean of the three."""
    spread = values if channels == len(values) else [sum(values) / len(values)] * channels
    return torch.tensor(spread).view(1, -1, 1, 1)
