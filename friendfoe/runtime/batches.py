"""Batches that fit into memory: halved after an error that says there is too little, and remembered for the model.

What is computed must not depend on the batches; then only time is lost.
"""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from friendfoe.runtime import batch_size
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.processes import each_in_turn, is_divided

_SAID = ("can't allocate memory", "out of memory", "not enough memory", "_STATUS_ALLOC_FAILED")
_fitting: WeakKeyDictionary[object, dict[tuple[str, str], int]] = WeakKeyDictionary()

T = TypeVar("T")


class TooLargeError(UserError):
    """A single image is too much for the memory of a device, or for this process's part of it."""


class Fitting:
    """How many images fit into the memory of a device at once, as far as it is known.

    Args:
        model: for which it is remembered.
        device: where the memory is.
        what: names work that takes as much memory an image.
        first: how many are tried where nothing is known.
    """

    def __init__(self, model: object, device: torch.device, what: str, first: int) -> None:
        self._device, self._key, self._first = device, (str(device), what), first
        try:
            self._known = _fitting.setdefault(model, {})
        except TypeError:  # the model cannot be a key
            self._known = {}

    @property
    def size(self) -> int:
        """So many."""
        return min(self._first, self._known.get(self._key, self._first))

    def attempt(self, work: Callable[[], T], count: int) -> tuple[T] | None:
        """What the work on so many images gives; None where memory did not suffice, so that fewer are to be tried.

        Raises:
            TooLargeError: a single image is too much.
        """
        # outside of the `except` of `_tried` nothing holds on to the tensors of the attempt that failed
        done = _tried(work)
        if done is None:
            _free(self._device)
            if count == 1:
                raise TooLargeError(
                    f"a single image is too much for the memory of {self._device}; take a smaller network or image"
                )
            self._known[self._key] = fewer = count // 2
            note = f"note: {count} images do not fit into the memory of {self._device}; {fewer} are tried"
            print(note, file=sys.stderr)
        return done


def in_batches(
    rows: Tensor, device: torch.device, work: Callable[[Tensor], T], what: str, *, model: object, shape: Sequence[int]
) -> Iterator[T]:
    """Do `work` on rows, int64 [N], a batch of them at a time and in order.

    Where memory does not suffice, on the CPU or on an accelerator, the batch is done again in halves. The size that
    fits is remembered as by `Fitting`; at first it is that for images of the shape [N, C, H, W].

    Where several processes do parts of it (`processes.divided`), this one does some batches, and all
    get what comes of all.

    Without rows the work is done on none, once.

    Raises:
        TooLargeError: a single image is too much.
    """
    if is_divided():
        pieces = torch.split(
            rows, batch_size(device, shape)
        )  # those that one process takes: no bit depends on their number
        again = partial(in_batches, device=device, work=work, what=what, model=model, shape=shape)
        yield from each_in_turn([*pieces], again, device)
        return
    fitting, start = Fitting(model, device, what, batch_size(device, shape)), 0
    while not start or start < len(rows):
        part = rows[start : start + fitting.size]
        if (done := fitting.attempt(partial(work, part), len(part))) is not None:
            start += len(part) or 1
            yield done[0]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice, in whatever words its device has for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID)


def _tried(work: Callable[[], T]) -> tuple[T] | None:
    try:
        return (work(),)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    return None


def _free(device: torch.device) -> None:
    """Give back what the failed attempt has left, on an accelerator also what torch keeps for later."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
