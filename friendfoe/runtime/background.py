"""Work beside the main process: drawing goes on while finished figures are saved."""

import multiprocessing
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import Any

from friendfoe import runtime


class Background:
    """Calls functions in forked processes, as many at once as there are workers; what they do to files is their result.

    Elsewhere than on Linux, whose libraries survive a fork, it calls them at once.
    """

    def __init__(self) -> None:
        self._running: list[tuple[ForkProcess, Connection]] = []

    def call(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function beside this process; an error of an earlier call is raised here, or by `wait`."""
        if sys.platform != "linux" or runtime.workers() == 1:
            return function(*arguments)
        while len(self._running) >= runtime.workers():
            self._finish(*self._running.pop(0))
        context = multiprocessing.get_context("fork")  # nothing has to be copied to the child
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_call, args=(theirs, function, *arguments), daemon=True)
        process.start()
        theirs.close()
        self._running.append((process, ours))
        return None

    def wait(self) -> None:
        """Wait for all calls.

        Raises:
            Exception: what one of them has raised.
        """
        while self._running:
            self._finish(*self._running.pop(0))

    def _finish(self, process: ForkProcess, answer: Connection) -> None:
        try:
            error = answer.recv()
        except EOFError:
            error = RuntimeError(f"a process was killed while it worked on {process.name}")
        process.join()
        if error is not None:
            raise error


def _call(answer: Connection, function: Callable[..., None], *arguments: Any) -> None:
    try:
        function(*arguments)
    except BaseException as error:
        answer.send(error)
    else:
        answer.send(None)
