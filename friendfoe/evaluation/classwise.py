"""Class-wise evaluation: what a model answers on a set of images, counted per class."""

from dataclasses import asdict, astuple, dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Subject:
    """What is evaluated: one replicate of a model under one condition."""

    data: str
    model: str
    replicate: int
    condition: str
    pixels: str  # "float": as crafted; "uint8": as a saved image carries it


@dataclass(frozen=True)
class ClassCount(Subject):
    """One row of the tidy table: the answers on the images of one class."""

    label: str  # the class; sums over classes are left to the reader of the table
    n: int
    correct: int
    confidence: float  # mean of the highest probability, over all images of the class
    confidence_wrong: float  # the same over the wrong answers; nan where there is none


COLUMNS = ("data", "model", "replicate", "condition", "pixels", "class", "n", "correct", "confidence",
           "confidence_wrong")  # fmt: skip


def count(probabilities: Tensor, labels: Tensor, classes: list[str], subject: Subject) -> list[ClassCount]:
    """Count the answers per class; a class without images has n = 0.

    Args:
        probabilities: [N, K].
        labels: int64 [N].
        classes: K names.
        subject: what the rows are of.
    """
    probabilities, labels = probabilities.double().cpu(), labels.cpu()
    confidence, answers = probabilities.max(1)
    hits = answers == labels
    k = len(classes)
    total = torch.bincount(labels, minlength=k)
    correct = torch.bincount(labels[hits], minlength=k)
    mean = torch.bincount(labels, confidence, minlength=k) / total
    mean_wrong = torch.bincount(labels[~hits], confidence[~hits], minlength=k) / (total - correct)
    columns = (classes, total.tolist(), correct.tolist(), mean.tolist(), mean_wrong.tolist())
    return [
        ClassCount(**asdict(subject), label=label, n=n, correct=c, confidence=m, confidence_wrong=w)
        for label, n, c, m, w in zip(*columns, strict=True)
    ]


def as_records(rows: list[ClassCount]) -> list[tuple[object, ...]]:
    """The rows as tuples in the order of `COLUMNS`, confidences to six digits."""
    return [tuple(f"{v:.6f}" if isinstance(v, float) else v for v in astuple(row)) for row in rows]
