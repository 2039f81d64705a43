"""What networks get wrong on a published benchmark, in the frame that `mce` reads."""

from collections.abc import Iterable, Mapping

import pandas as pd
from torch import nn

from friendfoe.data.published.images import CorruptedImages
from friendfoe.models.predict import logits


def benchmark_errors(networks: Mapping[tuple[str, int], nn.Module], batches: Iterable[CorruptedImages]) -> pd.DataFrame:
    """Errors of every network under every corruption and severity.

    Args:
        networks: by model and replicate; each gives logits [N, K].
        batches: of one benchmark; each is read once, for all networks.

    Returns:
        model, replicate, corruption, severity, n (images), error (a share in [0, 1]).
    """
    rows = [
        (model, replicate, batch.corruption, batch.severity, len(batch.labels), int((~correct).sum()))
        for batch in batches
        for (model, replicate), network in networks.items()
        for correct in [batch.correct(logits(network, batch.images))]
    ]
    keys = ["model", "replicate", "corruption", "severity"]
    counts = pd.DataFrame(rows, columns=[*keys, "n", "wrong"]).groupby(keys, sort=False).sum()
    return counts.assign(error=counts["wrong"] / counts["n"]).drop(columns="wrong").reset_index()
