"""Images with what a model answers on them, as a gallery shows them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.models.predict import predict
from friendfoe.studies.analysis import write_table


@dataclass(frozen=True)
class Gallery:
    """Images, and what is answered on them."""

    images: Tensor  # uint8 [n, C, H, W]
    answers: pd.DataFrame  # n rows: label, answer (class names), confidence, and what tells the images apart

    def assign(self, **columns: Any) -> "Gallery":
        """The same with further columns: a value for all images, or one for each."""
        return replace(self, answers=self.answers.assign(**columns))

    def write(self, out: Path, name: str) -> None:
        """Write `NAME.npz` (images) and `NAME.csv` (answers)."""
        np.savez_compressed(out / f"{name}.npz", images=self.images.numpy())
        write_table(self.answers, out, name)


def answered(network: nn.Module, images: Tensor, labels: Tensor, classes: Sequence[str]) -> Gallery:
    """Images uint8 [n, C, H, W] with labels [n] and what `network` answers."""
    confidence, answers = predict(network, images).cpu().max(1)
    columns = {
        "label": [classes[label] for label in labels.tolist()],
        "answer": [classes[answer] for answer in answers.tolist()],
        "confidence": confidence.tolist(),
    }
    return Gallery(images.cpu(), pd.DataFrame(columns))


def join(parts: Sequence[Gallery]) -> Gallery:
    """All of several galleries, one after another."""
    answers = pd.concat([part.answers for part in parts], ignore_index=True)
    return Gallery(torch.cat([part.images for part in parts]), answers)
