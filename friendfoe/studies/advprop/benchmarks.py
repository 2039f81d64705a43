"""The published benchmarks of robustness, where the user has them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from friendfoe.data.published import available, read
from friendfoe.models.predict import logits
from friendfoe.runtime import data_root
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate

Networks = Mapping[tuple[str, int], nn.Module]
"""(model, replicate) -> network."""


def found(wanted: Sequence[str]) -> list[str]:
    """Those of the wanted benchmarks that lie below the folder of raw data."""
    there = available(data_root())
    return [name for name in wanted if name in there]


def benchmark_errors(
    names: Sequence[str], networks: Networks, classes: Sequence[str], shape: tuple[int, int, int]
) -> list[dict[str, Any]]:
    """What every network gets wrong: benchmark, model, replicate, corruption, severity, n and error.

    Args:
        names: of benchmarks that are there.
        networks: what is evaluated.
        classes: in the order of their logits.
        shape: of the images that they take.

    Raises:
        UserError: a benchmark is not whole, or not of these classes or images.
    """

    def benchmark(number: int, send: Send) -> list[dict[str, Any]]:
        rows = _errors(names[number], networks, classes, shape)
        send(None)
        return rows

    if not names:
        return []
    with progress(f"published benchmarks: {', '.join(names)}", len(names)) as advance:
        parts = each_replicate(benchmark, len(names), lambda *_: advance(1))
    return [row for part in parts for row in part]


def _errors(name: str, networks: Networks, classes: Sequence[str], shape: tuple[int, int, int]) -> list[dict[str, Any]]:
    wrong: dict[tuple[str, int], Tensor] = {}  # (corruption, severity) -> wrong answers of each network
    seen: dict[tuple[str, int], int] = {}
    for batch in read(name, data_root(), classes, shape):
        of = batch.corruption, batch.severity
        counts = [int((~batch.correct(logits(network, batch.images))).sum()) for network in networks.values()]
        wrong[of] = wrong.get(of, 0) + torch.tensor(counts)
        seen[of] = seen.get(of, 0) + len(batch.labels)
    return [
        {
            "benchmark": name,
            "model": model,
            "replicate": replicate,
            "corruption": corruption,
            "severity": severity,
            "n": n,
            "error": int(count) / n,
        }
        for (corruption, severity), n in seen.items()
        for (model, replicate), count in zip(networks, wrong[corruption, severity], strict=True)
    ]
