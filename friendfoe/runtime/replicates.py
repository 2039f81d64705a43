"""Work on the replicates of a stage side by side, one thread each.

Small networks gain little from a second thread and lose a lot where another process wants the core too; replicates are
independent, so that a process each uses all cores. With one thread each, the bits of a result do not depend on how
many cores there are.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch

from friendfoe import runtime
from friendfoe.runtime.forks import Send, Workers, can_fork

Result = TypeVar("Result")


def each_replicate(
    work: Callable[[int, Send], Result], count: int, listen: Callable[[int, Any], None] = lambda replicate, news: None
) -> list[Result]:
    """Call `work(replicate, send)` for replicates 0..count-1 and return the results in order.

    Args:
        work: does one replicate; what it hands to `send` reaches `listen`.
        count: number of replicates.
        listen: called in this process with (replicate, news).

    On a GPU and under torchrun the replicates follow one another in this process: there one fills the machine. So they
    do on systems whose libraries do not survive a fork.
    """
    workers, on_cpu = min(count, runtime.workers()), runtime.device().type == "cpu"
    if on_cpu:
        torch.set_num_threads(1)  # also of one replicate: its bits are not to depend on the number of cores
    if workers == 1 or not on_cpu or "WORLD_SIZE" in os.environ or not can_fork():
        return [work(replicate, partial(listen, replicate)) for replicate in range(count)]
    tasks = ((replicate, partial(work, replicate)) for replicate in range(count))
    results = dict(Workers(workers, listen).run(tasks))
    return [results[replicate] for replicate in range(count)]
