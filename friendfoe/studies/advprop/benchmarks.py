"""The published benchmarks of robustness, where the user has them."""

from collections.abc import Mapping, Sequence

import pandas as pd
from torch import nn

from friendfoe.data.published import available, read
from friendfoe.evaluation.benchmarks import benchmark_errors
from friendfoe.runtime import data_root
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate

Networks = Mapping[tuple[str, int], nn.Module]
"""(model, replicate) -> network."""

_COLUMNS = ["benchmark", "model", "replicate", "corruption", "severity", "n", "error"]


def found(wanted: Sequence[str]) -> list[str]:
    """Those of the wanted benchmarks that lie below the folder of raw data."""
    there = available(data_root())
    return [name for name in wanted if name in there]


def all_errors(
    names: Sequence[str], networks: Networks, classes: Sequence[str], shape: tuple[int, int, int]
) -> pd.DataFrame:
    """What every network gets wrong: benchmark, model, replicate, corruption, severity, n and error.

    Args:
        names: of benchmarks that are there.
        networks: what is evaluated.
        classes: in the order of their logits.
        shape: of the images that they take.

    Raises:
        UserError: a benchmark is not whole, or not of these classes or images.
    """

    def benchmark(number: int, send: Send) -> pd.DataFrame:
        errors = benchmark_errors(networks, read(names[number], data_root(), classes, shape))
        send(None)
        return errors.assign(benchmark=names[number])[_COLUMNS]

    if not names:
        return pd.DataFrame(columns=_COLUMNS)
    with progress(f"published benchmarks: {', '.join(names)}", len(names)) as advance:
        return pd.concat(each_replicate(benchmark, len(names), lambda *_: advance(1)), ignore_index=True)
