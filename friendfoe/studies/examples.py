"""Example images under several conditions, each with what a model answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.models.predict import predict
from friendfoe.runtime.errors import UserError
from friendfoe.studies.inputs import Inputs, S


@dataclass(frozen=True)
class Examples:
    """Images and answers.

    Attributes:
        images: uint8 [n, C, H, W].
        answers: n rows: label, answer (class names), confidence, and the columns that tell the images apart.
    """

    images: Tensor
    answers: pd.DataFrame


def examples(
    study: Inputs[S], model: str, sets: Mapping[str, str | None], classes: Sequence[int], *, place: str
) -> Examples:
    """The first test image of each class under each condition, as replicate 0 of `model` sees it.

    The first, so that nobody has chosen it for its looks.

    Args:
        study: the inputs.
        model: whose answers.
        sets: condition -> perturbed test set, None being the clean images.
        classes: by number.
        place: of `classes` in params.yaml, for messages.

    Raises:
        UserError: the data set has no such class, or no test image of it.
    """
    known = study.test.classes
    rows = []
    for number in classes:
        if number >= len(known):
            raise UserError(f"params.yaml: {place}: {number}: {study.data} has the classes 0 to {len(known) - 1}")
        found = (study.test.labels == number).nonzero()
        if not len(found):
            raise UserError(f"params.yaml: {place}: {number}: {study.data} has no test image of class {known[number]}")
        rows.append(int(found[0]))
    network = study.network(model, 0)
    parts = []
    for condition, name in sets.items():
        images = study.test.images if name is None else study.perturbed_test(name, 0)
        part = answered(network, images[torch.tensor(rows)], study.test.labels[rows], known)
        parts.append(Examples(part.images, part.answers.assign(condition=condition, row=range(len(rows)))))
    return join(parts)


def answered(network: nn.Module, images: Tensor, labels: Tensor, classes: Sequence[str]) -> Examples:
    """Images uint8 [n, C, H, W] with labels [n] and what `network` answers."""
    confidence, answers = predict(network, images).cpu().max(1)
    named = {
        "label": [classes[label] for label in labels.tolist()],
        "answer": [classes[answer] for answer in answers.tolist()],
        "confidence": confidence.tolist(),
    }
    return Examples(images.cpu(), pd.DataFrame(named))


def join(parts: Sequence[Examples]) -> Examples:
    """All of several examples, one after another."""
    answers = pd.concat([part.answers for part in parts], ignore_index=True)
    return Examples(torch.cat([part.images for part in parts]), answers)


def write(examples: Examples, out: Path, name: str) -> None:
    """Write `NAME.npz` (images) and `NAME.csv` (answers)."""
    np.savez_compressed(out / f"{name}.npz", images=examples.images.numpy())
    examples.answers.to_csv(out / f"{name}.csv", index=False, float_format="%.6g")
