"""What is chosen is chosen here: on training images that a replicate has not learnt from, and never on test images.

Which classes are weak, which wrong answers are the likeliest, which temperature is the best: all of them are judged on
the test images afterwards.
"""

import torch
from torch import Tensor

from friendfoe.data.store import Images
from friendfoe.studies.analysis import Record
from friendfoe.studies.classwise.attacked import confusion
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.inputs import Inputs
from friendfoe.training.images import held_out_rows
from friendfoe.training.job import Job


def held_out(study: Inputs[Settings], model: str, number: int) -> tuple[Images, Tensor]:
    """Images uint8 [N, C, H, W] and labels int64 [N] that a replicate of a model has not learnt from."""
    job = Job.model_validate(study.headers(model)[number].job)
    validation = job.training.held_out
    assert validation  # the settings of the study see to it
    rows = held_out_rows(len(study.train), validation.share, job.order_seed(number))
    return study.train.images[rows], study.train.labels[rows]


def counted(labels: Tensor, answered: Tensor, classes: list[str]) -> list[Record]:
    """Rows of class, n and correct."""
    counts = confusion(labels, answered, len(classes))
    return [
        {"class": name, "n": int(row.sum()), "correct": int(row[place])}
        for place, (name, row) in enumerate(zip(classes, counts, strict=True))
    ]


def likeliest(labels: Tensor, answered: Tensor, classes: int, count: int) -> Tensor:
    """The `count` most frequent wrong answers of each class, int64 [K, count]; of equals the first classes."""
    counts = confusion(labels, answered, classes).double()
    counts.fill_diagonal_(-1)
    return counts.sort(dim=1, descending=True, stable=True).indices[:, :count]


def among(labels: Tensor, answered: Tensor, answers: Tensor) -> Tensor:
    """Of each wrong answer, whether it is one of its class's `answers` [K, count]: 1 or 0 [N]; nan: it is right."""
    found = (answers[labels] == answered[:, None]).any(dim=1).float()
    return torch.where(answered == labels, torch.nan, found)
