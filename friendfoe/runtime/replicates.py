"""Work on the replicates of a stage side by side, one thread each.

Small networks gain little from a second thread and lose a lot where another process wants the core too; replicates are
independent, so that a process each uses all cores. With one thread each, the bits of a result do not depend on how
many cores there are. A GPU, which small networks do not fill, they share.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import torch

from friendfoe import runtime
from friendfoe.runtime import processes
from friendfoe.runtime.batches import TooLargeError, is_out_of_memory
from friendfoe.runtime.forks import Send, Workers, can_fork
from friendfoe.runtime.progress import NOTE

SHARING = 8
"""Processes on one GPU: each takes half a gigabyte of its memory before it does anything."""
Result = TypeVar("Result")


def each_replicate(
    work: Callable[[int, Send], Result],
    count: int,
    listen: Callable[[int, Any], None] = lambda replicate, news: None,
    *,
    together: bool = False,
) -> list[Result]:
    """Call `work(replicate, send)` for replicates 0..count-1 and return the results in order.

    Args:
        work: does one replicate; what it hands to `send` reaches `listen`.
        count: number of replicates.
        listen: called in this process with (replicate, news).
        together: whether the work is such that several processes can do it (`processes.join`).

    Under torchrun the replicates follow one another in this process, and with `FRIENDFOE_PROCESSES` in each of so many,
    where the work can be done together: there one replicate fills the machine. So they do on systems
    whose libraries do not survive a fork, on a GPU that this process uses already, and on one whose memory is too small
    to be shared.
    """
    device, most = runtime.device(), runtime.workers()
    if device.type == "cpu":
        torch.set_num_threads(1)  # also of one replicate: its bits are not to depend on the number of cores
    if together and (several := processes.asked_for()) > 1:
        return processes.together(partial(_in_turn, work, count), several, lambda news: listen(*news))
    if device.type == "cpu":
        apart = min(count, most) > 1
    else:  # a single one, too: this process is to leave the GPU to those that it forks later
        most = min(most, SHARING)
        apart = most > 1 and not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    workers = min(count, most)
    if apart and "WORLD_SIZE" not in os.environ and can_fork():
        share = partial(_share, work, device, workers)
        tasks = ((replicate, partial(share, replicate)) for replicate in range(count))
        try:
            results = dict(Workers(workers, listen).run(tasks))
            return [results[replicate] for replicate in range(count)]
        except (RuntimeError, TooLargeError) as error:
            if device.type == "cpu" or not (isinstance(error, TooLargeError) or is_out_of_memory(error)):
                raise
            print(f"{NOTE}{workers} replicates at once do not fit into the memory of {device}", file=sys.stderr)
    return [work(replicate, partial(listen, replicate)) for replicate in range(count)]


def _in_turn(work: Callable[[int, Send], Result], count: int, send: Send) -> list[Result]:
    """In one of several processes: all replicates."""
    return [work(replicate, lambda news, number=replicate: send((number, news))) for replicate in range(count)]  # type: ignore[misc]


def _share(
    work: Callable[[int, Send], Result], device: torch.device, workers: int, replicate: int, send: Send
) -> Result:
    """In a worker: do the work with its part of the GPU's memory."""
    if device.type == "cuda":
        torch.set_num_threads(1)
        torch.cuda.set_per_process_memory_fraction(1 / workers, device)
    return work(replicate, send)
