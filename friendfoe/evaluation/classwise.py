"""Class-wise evaluation: what a model answers on a set of images, counted per class."""

from dataclasses import astuple, dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Row:
    """One row of the tidy table: one model, replicate, condition and class."""

    data: str
    model: str
    replicate: int
    condition: str
    pixels: str  # "float": as crafted; "uint8": as a saved image carries it
    label: str  # the class; "all" never stands here: sums are left to the reader of the table
    n: int
    correct: int
    confidence: float  # mean of the highest probability, over all images of the class
    confidence_wrong: float  # the same over the wrong answers; nan where there is none


COLUMNS = ("data", "model", "replicate", "condition", "pixels", "class", "n", "correct", "confidence",
           "confidence_wrong")  # fmt: skip


def count(
    probabilities: Tensor,
    labels: Tensor,
    classes: list[str],
    *,
    data: str,
    model: str,
    replicate: int,
    condition: str,
    pixels: str,
) -> list[Row]:
    """Count the answers per class; a class without images has n = 0.

    Args:
        probabilities: [N, K].
        labels: int64 [N].
        classes: K names.
        data, model, replicate, condition, pixels: what the rows are of.
    """
    probabilities, labels = probabilities.double().cpu(), labels.cpu()
    confidence, answers = probabilities.max(1)
    right = answers == labels
    n = torch.bincount(labels, minlength=len(classes))
    correct = torch.bincount(labels[right], minlength=len(classes))
    total = torch.bincount(labels, confidence, minlength=len(classes))
    total_wrong = torch.bincount(labels[~right], confidence[~right], minlength=len(classes))
    return [
        Row(data, model, replicate, condition, pixels, name, *values)
        for name, values in zip(
            classes,
            zip(
                n.tolist(), correct.tolist(), (total / n).tolist(), (total_wrong / (n - correct)).tolist(), strict=True
            ),
            strict=True,
        )
    ]


def summary(rows: list[Row]) -> dict[str, float]:
    """Accuracy over all classes and replicates per condition, on stored pixels: few numbers for DVC's tables."""
    counts: dict[str, tuple[int, int]] = {}
    for row in rows:
        if row.pixels == "uint8":
            correct, n = counts.get(row.condition, (0, 0))
            counts[row.condition] = (correct + row.correct, n + row.n)
    return {condition: round(correct / n, 6) for condition, (correct, n) in counts.items()}


def as_records(rows: list[Row]) -> list[tuple[object, ...]]:
    """The rows as tuples in the order of `COLUMNS`, confidences to six digits."""
    return [tuple(f"{v:.6f}" if isinstance(v, float) else v for v in astuple(row)) for row in rows]
