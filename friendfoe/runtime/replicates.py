"""Work on the replicates of a stage side by side, one thread each.

Small networks gain little from a second thread and lose a lot where another process wants the core too; replicates are
independent, so that a process each uses all cores. With one thread each, the bits of a result do not depend on how
many cores there are.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from typing import Any, TypeVar

import torch

from friendfoe import runtime

Result = TypeVar("Result")
Send = Callable[[Any], None]  # tell the parent process something while the work goes on


def each_replicate(
    work: Callable[[int, Send], Result], count: int, listen: Callable[[int, Any], None] = lambda replicate, news: None
) -> list[Result]:
    """Call `work(replicate, send)` for replicates 0..count-1 and return the results in order.

    Args:
        work: does one replicate; what it hands to `send` reaches `listen`.
        count: number of replicates.
        listen: called in this process with (replicate, news).

    On a GPU and under torchrun the replicates follow one another in this process: there one fills the machine. So they
    do on other systems than Linux, whose libraries do not survive a fork.
    """
    workers = min(count, runtime.workers())
    alone = runtime.device().type != "cpu" or "WORLD_SIZE" in os.environ or sys.platform != "linux"
    if workers == 1 or alone:
        torch.set_num_threads(runtime.workers())
        return [work(replicate, lambda news, r=replicate: listen(r, news)) for replicate in range(count)]  # type: ignore[misc]

    context = multiprocessing.get_context("fork")  # children find the data in memory
    torch.set_num_threads(1)  # before the fork, so that no thread pool is torn apart by it
    news = context.SimpleQueue()  # what a child has put there is there before its result
    with ProcessPoolExecutor(workers, context, _start, (work, news, os.getpid())) as pool:
        futures = [pool.submit(_work, replicate) for replicate in range(count)]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
                _pass_on(news, listen)
                for future in done:
                    future.result()  # the first failure ends the rest
        except BaseException:
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        _pass_on(news, listen)
        return [future.result() for future in futures]


_job: tuple[Callable[[int, Send], Any], Any, int] | None = None  # of a child process


def _start(work: Callable[[int, Send], Any], news: Any, parent: int) -> None:
    global _job
    _job = work, news, parent
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle


def _work(replicate: int) -> Any:
    assert _job is not None
    work, news, parent = _job

    def send(message: Any) -> None:
        if os.getppid() != parent:  # killed: nobody is left to work for
            os._exit(1)
        news.put((replicate, message))

    return work(replicate, send)


def _pass_on(news: Any, listen: Callable[[int, Any], None]) -> None:
    while not news.empty():
        listen(*news.get())
