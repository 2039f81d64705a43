"""How a stage starts fast and ends cleanly: a pipeline of seventy stages starts seventy times.

CPU seconds, medians of five starts in turn, Python 3.11, torch 2.14, two cores:

                              without    with
    stages.train --help          1.62    1.30    begin, end
    stages.plot --help           0.73    0.57    begin, end
    plan                         3.99    2.47    begin, end
    the first step of SGD        2.99    1.70    eager

Imported where it is used, for it costs: torch 1.6, torchvision 1.4, sklearn.datasets 1.1, matplotlib 0.4, pandas 0.25.
"""

import gc
import inspect
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TypeVar, cast

from friendfoe.runtime import warm

if TYPE_CHECKING:
    from torch.optim import Optimizer

    OptimizerT = TypeVar("OptimizerT", bound=Optimizer)

LINE = "interrupted; run the same command again to go on from the last checkpoint"
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(BaseException):
    """The process was asked to end: Ctrl-C, `timeout`, a batch system, a closed terminal."""

    def __init__(self, number: int) -> None:
        self.status = 128 + number


def begin() -> None:
    """Before anything slow is imported: look for garbage less often, and end in one line where a signal asks for it.

    Where `python -m` runs a stage; an interpreter that only imports one, as tests do, keeps its ways.
    """
    if sys.argv[0] == "-m":
        gc.set_threshold(50_000, 20, 50)  # what modules define is no garbage
        for number in _SIGNALS:
            signal.signal(number, _end)
        warm.hand_over()


def ready() -> None:
    """Everything is imported: a signal is an exception from now on, which puts earlier outputs back on its way."""
    for number in _SIGNALS:
        if signal.getsignal(number) is _end:
            signal.signal(number, _stop)


def end() -> None:
    """Before Python ends, which would search all of torch for garbage."""
    gc.freeze()


def eager(kind: "type[OptimizerT]") -> "type[OptimizerT]":
    """An optimiser of torch with the same arithmetic, whose methods do not import torch's compiler.

    torch decorates them for `torch.compile`; the first call then imports `torch._dynamo`, for nothing, since nothing
    here is compiled.
    """
    import torch

    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    methods["step"].hooked = True  # by hooks and a profiler that nobody asks for, a twentieth of a small network's step
    return cast("type[OptimizerT]", type(kind.__name__, (kind,), methods))


def _end(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, f"error: {LINE}\n".encode())
    if "DVC_STAGE" in os.environ:  # DVC has deleted the stage's earlier outputs: a new process puts them back
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        command = [sys.executable, "-m", "friendfoe.runtime.outputs", str(128 + number), *sys.orig_argv[1:]]
        os.execv(sys.executable, command)
    os._exit(128 + number)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Stopped(number)
