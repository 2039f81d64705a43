"""Batches that fit into memory: halved after an error that says there is too little, and remembered for the model.

What is computed must not depend on the batches; then only time is lost.
"""

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from friendfoe.runtime import batch_size
from friendfoe.runtime.errors import UserError

_SAID = ("can't allocate memory", "out of memory", "not enough memory", "_STATUS_ALLOC_FAILED")
_fitting: WeakKeyDictionary[object, dict[tuple[str, str], int]] = WeakKeyDictionary()

T = TypeVar("T")


def in_batches(
    rows: Tensor, device: torch.device, work: Callable[[Tensor], T], what: str, *, model: object, shape: Sequence[int]
) -> Iterator[T]:
    """Do `work` on rows, int64 [N], a batch of them at a time and in order.

    Where memory does not suffice, on the CPU or on an accelerator, the batch is done again in halves. The size that
    fits is kept for the model, this device and `what`, which names work that takes as much memory an image; at first it
    is that for images of the shape [N, C, H, W].

    Raises:
        UserError: a single image is too much.
    """
    key, start = (str(device), what), 0
    fitting = _known(model)
    while start < len(rows):
        size = min(fitting.get(key, batch_size(device, shape)), len(rows) - start)
        # outside of the `except` of `_tried` nothing holds on to the tensors of the attempt that failed
        done = _tried(work, rows[start : start + size])
        if done is None:
            _free(device)
            if size == 1:
                raise UserError(
                    f"a single image is too much for the memory of {device}; take a smaller network or image"
                )
            fitting[key] = size // 2
            print(f"note: {size} images do not fit into the memory of {device}; {size // 2} are tried", file=sys.stderr)
            continue
        start += size
        yield done[0]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice, in whatever words its device has for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID)


def _known(model: object) -> dict[tuple[str, str], int]:
    try:
        return _fitting.setdefault(model, {})
    except TypeError:  # it cannot be a key
        return {}


def _tried(work: Callable[[Tensor], T], rows: Tensor) -> tuple[T] | None:
    try:
        return (work(rows),)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    return None


def _free(device: torch.device) -> None:
    """Give back what the failed attempt has left, on an accelerator also what torch keeps for later."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
