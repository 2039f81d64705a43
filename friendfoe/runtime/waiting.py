"""Whether the host may wait for an accelerator: each look at a value there lets it idle until all before it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_waits = ContextVar("waits", default=True)


@contextmanager
def without_waiting() -> Iterator[None]:
    """Take what lies on an accelerator as it is: for a loop whose first step was looked at.

    What is not a number is then seen in what comes of it. On a CPU, where nothing waits, all is looked at as ever.
    """
    token = _waits.set(False)
    try:
        yield
    finally:
        _waits.reset(token)


def may_look(values: Tensor) -> bool:
    """Whether values may be looked at."""
    return values.device.type == "cpu" or _waits.get()
