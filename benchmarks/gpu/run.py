"""Run sections one after another, each in a process of its own and within its time."""

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import NoReturn, TypeVar

import torch

from benchmarks.gpu import record
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Row, Setting, Tell
from friendfoe.runtime.forks import Workers
from friendfoe.runtime.parents import end_with
from friendfoe.runtime.provenance import origin

T = TypeVar("T")

_GRACE = 3.0  # seconds between the deadline that a section knows and its end; it may begin with so much less, too


@dataclass(frozen=True)
class Section:
    """A part of the run.

    Args:
        name: of its file, NAME.json.
        title: on the page.
        seconds: set aside for it; with fewer left it is skipped. It may take what earlier sections have not needed.
        measure: does it, and tells each measurement as soon as it is known.
    """

    name: str
    title: str
    seconds: float
    measure: Callable[[Setting, Tell], None]


class Interrupted(BaseException):
    """The run was asked to end."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number


def run(sections: Sequence[Section], setting: Setting, seconds: float, commit: str | None = None) -> list[Record]:
    """Run what fits into so many seconds; a section that fails takes nothing else with it.

    Each is forked from this process, which has imported everything and never touches a GPU: a context that an error has
    broken, memory that was not given back and a kernel that never ends are those of one section. In `tiny` the seconds
    that are set aside, which are those of a GPU, count for nothing.

    Raises:
        Interrupted: by SIGINT or SIGTERM; what was measured is in its file.
    """
    end, records = time.monotonic() + seconds, []
    about = {**_asked(origin), **({"commit": commit} if commit else {})}
    handlers = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number, section in enumerate(sections):
            later = 0.0 if setting.tiny else sum(other.seconds for other in sections[number + 1 :])
            least = 0.0 if setting.tiny else section.seconds
            left = end - time.monotonic()
            if left < least - _GRACE or left <= 0:
                of = Record(section.name, section.seconds, origin=about)
                of.end(record.SKIPPED, 0, f"{max(0, left):.0f} s were left, and it needs {least:.0f}")
                of.write(setting.out)
            else:
                until = max(time.monotonic() + min(least, left), end - later)
                of = _in_a_process(Record(section.name, section.seconds, origin=about), section, setting, until)
            print(f"{section.name:12s} {of.seconds:7.1f} s  {of.state}{': ' * bool(of.why)}{of.why}", flush=True)
            records.append(of)
    finally:
        for signal_number, handler in handlers.items():
            signal.signal(signal_number, handler)
    return records


def _in_a_process(of: Record, section: Section, setting: Setting, end: float) -> Record:
    start = time.monotonic()
    of.write(setting.out)
    process = multiprocessing.get_context("fork").Process(
        target=_measure, args=(of, section, setting.until(end - _GRACE), os.getpid()), name=section.name
    )
    state, why = record.CUT, "the run was ended from outside"
    try:
        process.start()
        process.join(max(0.0, end - time.monotonic()))
        why = "its time was up"
        if process.exitcode is not None:  # without a word, perhaps: a crash of a driver, the kernel's memory killer
            state, why = record.FAILED, f"its process has ended with {process.exitcode}"
    finally:
        _kill(process)
        of = record.read(setting.out, section.name) or of
        if of.state == record.RUNNING:
            of.end(state, time.monotonic() - start, why)
            of.write(setting.out)
    return of


def _kill(process: BaseProcess) -> None:
    """End a section with all that it has started."""
    if process.pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.is_alive():  # it has not yet made a group of its own
        process.kill()
    process.join()


def _measure(of: Record, section: Section, setting: Setting, parent: int) -> None:
    """In the section's process: measure, and keep every row."""
    os.setpgid(0, 0)
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    start = time.monotonic()

    def tell(row: Row) -> None:
        of.rows.append(row)
        of.seconds = round(time.monotonic() - start, 1)
        of.write(setting.out)

    try:
        if setting.tiny:
            torch.set_num_threads(1)  # a second one would only wait for the first
        section.measure(setting, tell)
        of.end(record.DONE, time.monotonic() - start)
    except BaseException as error:  # also what a stage ends with
        traceback.print_exc()
        of.end(record.FAILED, time.monotonic() - start, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    of.write(setting.out)


def has_gpu() -> bool:
    """Whether CUDA works."""
    return _asked(torch.cuda.is_available)


def _asked(question: Callable[[], T]) -> T:
    """What a process of its own answers: one that has asked for the GPU cannot be forked any more."""
    answers: dict[None, T] = dict(Workers(1).run([(None, lambda send: question())]))
    return answers[None]


def fresh(out: Path, sections: Sequence[Section]) -> None:
    """Remove the results of an earlier run of these sections, which are not of this one."""
    out.mkdir(parents=True, exist_ok=True)
    for section in sections:
        (out / f"{section.name}.json").unlink(missing_ok=True)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(number)
