"""Tasks in forked processes, side by side: at most so many at once, the most urgent first, until all are done."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from friendfoe.pipeline.one_stage import Entry, Interrupted, Locks
from friendfoe.pipeline.schedule import Schedule, Slots
from friendfoe.pipeline.view import View
from friendfoe.runtime import warm
from friendfoe.runtime.progress import NOTE, STEP

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_TICK = 0.2  # seconds between looks at signals and at the clock
_AGAIN = 5.0  # seconds until those that were just starting are told again to end


@dataclass(frozen=True)
class Task:
    """Something to do in a process of its own.

    Attributes:
        work: does it, and returns with what, and what dvc.lock is to say of it; it is handed a function to call each
            time that it really begins, and one that says whether it shall not begin any more. After "busy" it is tried
            again.
        log: the file for what it and its processes print.
        reads_locks: whether it needs what the dvc.lock files are to say of the tasks before it.
    """

    work: Callable[[Callable[[], None], Callable[[], bool]], tuple[str, Entry | None]]
    log: Path
    reads_locks: bool = False


@dataclass
class _Running:
    process: Any
    connection: Connection
    since: float
    begun: bool = False
    heard: int = 0  # bytes of its log


@dataclass
class Runner:
    """Runs the tasks of a schedule; `run` once.

    Attributes:
        stopped_by: the signal that has ended it before its time.
        keep_going: after a failure, with all that does not need what has failed.
    """

    schedule: Schedule
    slots: Slots
    tasks: Mapping[str, Task]
    view: View
    locks: Locks
    keep_going: bool = False
    stopped_by: int | None = None
    _running: dict[str, _Running] = field(default_factory=dict)
    _held_back: set[str] = field(default_factory=set)  # until something that runs has ended
    _told: float = 0.0

    def run(self) -> None:
        """Run all that can be run; what has failed is in `schedule.failed`."""
        alive, self._alive = os.pipe()  # its other end closes with this process, however that ends
        try:
            with self._signals():
                while self._start(alive) or self._running:
                    self.locks.write()  # while others run
                    self._wait()
        finally:
            self.locks.write()
            for running in self._running.values():
                _kill(running.process.pid)
            os.close(alive)
            os.close(self._alive)

    def _start(self, alive: int) -> bool:
        """Start what there is room for; whether anything has been started."""
        if self.stopped_by or (self.schedule.failed and not self.keep_going):
            return False
        if not self._running:
            self._held_back.clear()
        ready = [name for name in self.schedule.ready() if name not in self._held_back][: self.slots.free]
        if any(self.tasks[name].reads_locks for name in ready):
            self.locks.write()
        for number, name in enumerate(ready):
            part = self.slots.take(name, sharing=len(ready) - number)
            ours, childs = multiprocessing.Pipe(duplex=False)
            self.tasks[name].log.unlink(missing_ok=True)  # of an earlier run
            arguments = (self.tasks[name], part, childs, alive, self._alive)
            process = multiprocessing.get_context("fork").Process(target=_work, args=arguments)
            process.start()
            childs.close()
            self.schedule.start(name)
            self._running[name] = _Running(process, ours, time.monotonic())
        return bool(ready)

    def _wait(self) -> None:
        """Until something happens, or the clock has moved."""
        names = {running.connection: name for name, running in self._running.items()}
        for connection in wait(list(names), timeout=_TICK):
            self._hear(names[connection])  # type: ignore[index]
        for name in self._running:
            self._listen(name)
        now = time.monotonic()
        self.view.tick({name: now - running.since for name, running in self._running.items() if running.begun})
        if self.stopped_by and now > self._told + _AGAIN:
            self._tell_to_end()

    def _listen(self, name: str) -> None:
        """Pass on what a task has written into its log for those who watch."""
        running, log = self._running[name], self.tasks[name].log
        if not log.exists() or log.stat().st_size == running.heard:
            return
        with log.open("rb") as file:
            file.seek(running.heard)
            whole, end, _ = file.read().rpartition(b"\n")  # the last line may be half
        running.heard += len(whole + end)
        for line in whole.decode(errors="replace").splitlines():
            if line.startswith((STEP, NOTE)):
                self.view.says(name, line)

    def _hear(self, name: str) -> None:
        running = self._running[name]
        try:
            said, entry = running.connection.recv()
        except (EOFError, ConnectionError):
            said, entry = "failed", None  # it was killed
        if said == "begins":
            self.view.begins(name, again=running.begun)
            running.begun = True
            return
        running.process.join()
        _kill(running.process.pid)  # what it has left behind
        self._listen(name)
        running.connection.close()
        del self._running[name]
        self.slots.release(name)
        if said == "busy":
            self.schedule.put_off(name)
            self._held_back.add(name)
            return
        self._held_back.clear()
        if entry is not None:
            self.locks.learn(name, entry)
        self.schedule.fail(name) if said == "failed" else self.schedule.end(name)
        self.view.ends(name, said, time.monotonic() - running.since)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """A signal ends what runs, as it ends stages; a second one at once."""

        def handle(number: int, frame: object) -> None:
            if self.stopped_by:
                for running in self._running.values():
                    _kill(running.process.pid)
            self.stopped_by = number
            self._tell_to_end()

        heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # as nohup has it
        before = {number: signal.signal(number, handle) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tell_to_end(self) -> None:
        self._told = time.monotonic()
        for running in self._running.values():
            with suppress(ProcessLookupError):
                os.killpg(running.process.pid, self.stopped_by or signal.SIGTERM)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _work(task: Task, part: dict[str, str], connection: Connection, alive: int, parents: int) -> None:
    """In the child: do the work, with all that it prints in its log, and say what becomes of it."""
    runner = os.getppid()
    os.setsid()
    os.close(parents)
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    interrupted: list[int] = []
    for number in _SIGNALS:  # they are for the command; what DVC writes, it writes to its end
        signal.signal(number, lambda number, frame: interrupted.append(number))
    _print_to(task.log)
    os.environ |= {**part, warm.RUN: str(runner)}
    try:
        outcome, entry = task.work(lambda: connection.send(("begins", None)), lambda: bool(interrupted))
    except Interrupted:
        outcome, entry = "failed", None
    except BaseException:
        traceback.print_exc()
        outcome, entry = "failed", None
    connection.send((outcome, entry))


def _end_with(alive: int) -> None:
    """End this process and all that it has started when the other end of a pipe closes."""
    os.read(alive, 1)
    os.killpg(0, signal.SIGKILL)


def _print_to(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    files = os.open(os.devnull, os.O_RDONLY), os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for source, targets in zip(files, ((0,), (1, 2)), strict=True):
        for target in targets:
            os.dup2(source, target)
        os.close(source)
    sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, closefd=False)
