"""What the figures show of replicate 0: logits along a line, filters, fooling images, and the least change."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from friendfoe.studies.examples import write
from friendfoe.studies.fgsm.filters import filters
from friendfoe.studies.fgsm.lines import lines
from friendfoe.studies.fgsm.measures import direction
from friendfoe.studies.fgsm.names import FILTERS
from friendfoe.studies.fgsm.panda import least_changes
from friendfoe.studies.fgsm.rubbish import fooling
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.inputs import Inputs

SHOWN = 40  # filters, and at most so many classes of fooling images
CLASSES = 10


def pictures(study: Inputs[Settings], out: Path) -> None:
    """Write panda.npz and panda.csv, logits.npz, filters.npz, fooling.npz and fooling-shown.csv.

    Raises:
        UserError: the data set lacks a class of the gallery.
    """
    network, test, settings = study.network("maxout", 0), study.test, study.settings
    panda = least_changes(network, test, settings.gallery)
    write(panda, out, "panda")

    row = (test.labels == settings.gallery[0]).nonzero()[0]
    signs = direction(network, test.images[row], test.labels[row])
    of = lines(network, test.images[row], signs, settings.logits.reach, settings.logits.points)
    np.savez_compressed(
        out / "logits.npz",
        eps=of.eps.numpy(),
        logits=of.logits[0].numpy(),
        image=test.images[row][0].numpy(),
        signs=signs[0].numpy(),
        label=test.labels[row].numpy(),
    )
    shown = {name: filters(study.network(name, 0), test.shape) for name in FILTERS}
    arrays: dict[str, Any] = {name: some[_spaced(len(some))].numpy() for name, some in shown.items()}
    np.savez_compressed(out / "filters.npz", **arrays)
    made, sure = fooling(network, test.shape, 1, study.job.eps, study.seed("fooling", 0))
    pixels = (made[:CLASSES, 0] * 255).round().to(torch.uint8)
    np.savez_compressed(out / "fooling.npz", images=pixels.numpy())
    confidences = {"class": test.classes[:CLASSES], "before": sure[0, :CLASSES, 0], "after": sure[1, :CLASSES, 0]}
    pd.DataFrame(confidences).to_csv(out / "fooling-shown.csv", index=False, float_format="%.6g")


def _spaced(count: int) -> torch.Tensor:
    """At most `SHOWN` filters, evenly spaced, so that nobody has chosen them."""
    return torch.linspace(0, count - 1, min(SHOWN, count)).long()
