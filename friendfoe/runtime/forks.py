"""Forked worker processes: each does one piece of work, tells how it goes, and hands back its result.

A fork finds the data and the code of its parent in memory. A worker never outlives its parent: the kernel kills it.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from friendfoe import runtime
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.parents import end_with

Send = Callable[[Any], None]
"""Tell the parent process something while the work goes on."""

Task = tuple[Any, Callable[[Send], Any]]
"""A key, and the work to do."""


def can_fork() -> bool:
    """Whether this system's libraries survive a fork."""
    return sys.platform == "linux"


class Workers:
    """At most so many processes at once.

    Args:
        count: how many.
        listen: called in this process with (key, news) for all that a worker sends.
    """

    def __init__(self, count: int, listen: Callable[[Any, Any], None] = lambda key, news: None) -> None:
        self._count, self._listen = count, listen
        self._running: dict[Connection, tuple[Any, Any]] = {}

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Any, Any]]:
        """Do every task (key, work) in a process of its own; yield (key, result) as they end.

        The first failure ends the others, and is raised here.

        Raises:
            UserError: a worker was killed, or could not be started.
        """
        try:
            for key, work in tasks:
                while len(self._running) >= self._count:
                    yield from self._next()
                self._start(key, work)
            while self._running:
                yield from self._next()
        finally:
            for _, process in self._running.values():
                process.kill()
                process.join()
            self._running.clear()

    def _start(self, key: Any, work: Callable[[Send], Any]) -> None:
        context = multiprocessing.get_context("fork")
        ours, childs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(childs, work, os.getpid()))
        try:
            process.start()
        except OSError as error:
            raise UserError(
                f"cannot start a process ({error.strerror}): allow more of them, or set FRIENDFOE_WORKERS=1"
            ) from None
        childs.close()
        self._running[ours] = key, process

    def _next(self) -> Iterator[tuple[Any, Any]]:
        """Wait for a message; yield what a worker has ended with."""
        for connection in wait(list(self._running)):
            assert isinstance(connection, Connection)
            key, process = self._running[connection]
            try:
                kind, content, where = pickle.loads(connection.recv_bytes())
            except (EOFError, ConnectionError):
                del self._running[connection]
                process.join()
                raise UserError(_death(process.exitcode)) from None
            if kind == "news":
                self._listen(key, content)
                continue
            del self._running[connection]
            process.join()
            if kind == "error":
                raise content from (None if isinstance(content, UserError) else RuntimeError(where))
            yield key, content


def _death(status: int | None) -> str:
    name = signal.Signals(-status).name if status and status < 0 else f"exit status {status}"
    return (
        f"a worker process was ended from outside ({name}), perhaps for lack of memory; close other programs or set "
        "FRIENDFOE_WORKERS=1, and run the same command again: it goes on from the last checkpoint"
    )


def _work(connection: Connection, work: Callable[[Send], Any], parent: int) -> None:
    """In the child: do the work and send what becomes of it."""
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def send(kind: str, content: Any, where: str = "") -> None:
        # by value: memory that is shared would end with this process
        connection.send_bytes(pickle.dumps((kind, content, where)))

    try:
        send("result", work(lambda news: send("news", news)))
    except BaseException as error:
        where = traceback.format_exc()
        try:
            send("error", error, where)
        except Exception:  # of an error that cannot be sent, its text can
            send("error", RuntimeError(str(error)), where)


def background(tasks: Iterable[Task]) -> None:
    """Do tasks side by side where that is possible; what they do to files is their result."""
    if can_fork() and runtime.workers() > 1:
        for _ in Workers(runtime.workers()).run(tasks):
            pass
    else:
        for _, work in tasks:
            work(lambda news: None)
