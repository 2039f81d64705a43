"""How confident models are where they are right and where they are wrong."""

from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from friendfoe.models.predict import predict
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.studies.inputs import Inputs, S

BINS = 20  # of the highest probability, over [0, 1]


def histograms(study: Inputs[S], models: Sequence[str], sets: Mapping[str, str | None]) -> pd.DataFrame:
    """Count the test images by confidence (the highest probability).

    Args:
        study: the inputs.
        models: whose confidence.
        sets: condition -> perturbed test set, None being the clean images.

    Returns:
        A row per model, condition, replicate and bin: low, high (of the bin), right, wrong (numbers of images).
    """
    edges = torch.linspace(0, 1, BINS + 1).tolist()

    def replicate(number: int, send: Send) -> list[tuple[object, ...]]:
        records: list[tuple[object, ...]] = []
        images = {c: study.test.images if s is None else study.perturbed_test(s, number) for c, s in sets.items()}
        for model in models:
            network = study.network(model, number)
            for condition, pixels in images.items():
                confidence, answers = predict(network, pixels).cpu().max(1)
                right = answers == study.test.labels
                bins = (confidence * BINS).long().clamp(max=BINS - 1)
                counts = [torch.bincount(bins[of], minlength=BINS).tolist() for of in (right, ~right)]
                of = (model, condition, number)
                records += [(*of, *row) for row in zip(edges[:-1], edges[1:], *counts, strict=True)]
        return records

    rows = [row for rows in each_replicate(replicate, len(study.replicates)) for row in rows]
    return pd.DataFrame(rows, columns=["model", "condition", "replicate", "low", "high", "right", "wrong"])
