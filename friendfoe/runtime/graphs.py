"""CUDA graphs: operations that are repeated on the same memory, and asked for at once."""

import sys
from collections.abc import Callable
from typing import Any

import torch

WARM_UP = 3
"""How often something is done before it is captured: libraries choose their algorithms, and states are made."""


def captured(work: Callable[[], None], device: torch.device, what: str) -> Any:
    """A graph of the work, of which nothing is done yet; None where it cannot be one, of which a note says why."""
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.device(device), torch.cuda.graph(graph):
            work()
    except RuntimeError as error:
        print(f"note: {what} are not repeated as a CUDA graph ({error})".splitlines()[0], file=sys.stderr)
        return None
    return graph
