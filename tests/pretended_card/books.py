"""What is counted: launches, waits with the line that is to blame, and the memory that is held."""

import sys
import weakref
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

import torch

aten = torch.ops.aten

_FREE = {  # memory that nobody fills, and views that do not say so
    aten.empty.memory_format,
    aten.empty_like.default,
    aten.empty_strided.default,
    aten.new_empty.default,
    aten.new_empty_strided.default,
    aten._unsafe_view.default,
    aten.detach.default,
    aten.lift_fresh.default,
    aten._reshape_alias.default,
    aten.set_.source_Tensor,
}
_SEVERAL = {  # launches of one call, where more than one
    "convolution": 2,
    "convolution_backward": 3,
    "native_batch_norm_backward": 2,
    "sort": 4,
    "argsort": 4,
    "topk": 3,
    "nonzero": 3,
    "index_put_": 2,
    "logsumexp": 5,
    "cumsum": 2,
    "cummax": 2,
    "max_pool2d_with_indices_backward": 2,
    "_fft_r2c": 2,
    "_fft_c2r": 2,
    "bincount": 4,
    "renorm": 3,
    "_unique2": 6,
}
_IN_A_LAUNCH = 110  # tensors of one operation of `torch._foreach_*`


@dataclass
class Books:
    """The books of a card."""

    launches: Counter[str] = field(default_factory=Counter)
    """Of kernels, and of graphs of them, by name."""
    waits: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of the host for the device: for what, and the lines of the project where."""
    memory: int | None = None
    """Bytes that the card has; None: enough."""
    used: int = 0
    """Bytes that tensors hold; counted where the memory is limited."""
    _owners: Counter[int] = field(default_factory=Counter)
    _known: set[weakref.ref] = field(default_factory=set)

    def clear(self):
        """Count from here on."""
        self.launches.clear()
        self.waits.clear()

    def waits_for(self, what):
        """The host waits."""
        self.waits[what, _place()] += 1

    def divide(self, fraction):
        """A process has so much of the memory."""
        self.memory = self.memory and int(self.memory * fraction)

    def launched(self, operation, arguments):
        """An operation is done on the card."""
        if operation in _FREE or is_view(operation):
            return
        name = str(operation).removeprefix("aten.").split(".")[0]
        count = _SEVERAL.get(name, 1)
        if name.startswith("_foreach"):
            count = -(-max((len(a) for a in arguments if isinstance(a, list | tuple)), default=1) // _IN_A_LAUNCH)
        self.launches[name] += count

    def holds(self, tensor):
        """A tensor of the card is made; torch.OutOfMemoryError where there is no room for it."""
        if self.memory is None:
            return
        storage = tensor.held.untyped_storage()
        address, size = storage.data_ptr(), storage.nbytes()
        new = size if not self._owners[address] else 0
        if self.used + new > self.memory:
            raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {new} bytes.")
        self.used += new
        self._owners[address] += 1

        def gone(reference):
            self._known.discard(reference)
            self._owners[address] -= 1
            if not self._owners[address]:
                self.used -= size

        self._known.add(weakref.ref(tensor, gone))


@cache
def is_view(operation):
    """Whether an operation only looks at memory in another way."""
    returns = operation._schema.returns
    return bool(returns) and all(r.alias_info is not None and not r.alias_info.is_write for r in returns)


def _place(most=3):
    """The innermost lines of the project that run."""
    frame, found = sys._getframe(2), []
    while frame is not None and len(found) < most:
        _, inside, name = frame.f_code.co_filename.rpartition("/friendfoe/")
        if inside:
            found.append(f"{name}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(found)
