"""The card: does operations on what its tensors hold, by CUDA's rules, and keeps the books."""

import os
from dataclasses import dataclass, field
from typing import Any

import torch

from tests.pretended_card import rules
from tests.pretended_card.books import Books
from tests.pretended_card.tensor import INNER, CudaTensor
from tests.pretended_card.tensor import DeviceError as DeviceError

aten = torch.ops.aten

_COPIES = {aten._to_copy.default}
_INTO = {aten.copy_.default, aten._foreach_copy_.default}
_IN_TF32 = {"convolution", "convolution_backward", "mm", "addmm", "bmm", "baddbmm"}


@dataclass
class Card(Books):
    """A card, of which there is one at a time."""

    tf32: bool = False
    """Whether it has tensor cores, which give 10 bits of mantissa where torch allows that."""
    user: int | None = None
    """The process that uses it."""
    tape: Any = field(default=None, repr=False)
    """The graph that takes down what is done, while one is captured."""

    def run(self, operation, args, kwargs):
        """Do an operation on tensors of the card, or one that makes some."""
        on_card, on_cpu = [], []
        plain_args = _held(args, on_card, on_cpu)
        plain_kwargs = {name: _held(value, on_card, on_cpu) for name, value in kwargs.items()}
        wanted = kwargs.get("device")
        made_here = wanted is not None and torch.device(wanted).type in ("cuda", INNER)
        if not on_card and not made_here:
            return operation(*args, **kwargs)
        self.used_by_this_process()
        rules.check_generator(operation, [*args, *kwargs.values()])
        if wanted is not None:
            plain_kwargs["device"] = torch.device("cpu")
        if operation in _COPIES:
            return self._copy(operation, plain_args, plain_kwargs, from_card=bool(on_card), to=wanted)
        if operation in _INTO:
            if on_card and any(tensor.dim() or on_card[0] is not args[0] for tensor in on_cpu):
                self.waits_for("copy between host and device")
        elif operation in rules.INDEXED:
            for what in rules.waits_of_indexing(operation, *args[:3]):
                self.waits_for(what)
        else:
            rules.check_devices(operation, on_card, on_cpu if on_card else ())
        if operation in rules.WAITS:
            self.waits_for(rules.WAITS[operation])
        result = self._do(operation, plain_args, plain_kwargs)
        if wanted is not None and not made_here:  # zeros_like(x, device="cpu")
            return result
        known = {id(tensor.held): tensor for tensor in on_card}
        if isinstance(result, list | tuple):
            return type(result)(self._of_card(each, known, on_cpu) for each in result)
        return self._of_card(result, known, on_cpu)

    def used_by_this_process(self):
        """A process that was forked from one that uses the card cannot use it."""
        if self.user is None:
            self.user = os.getpid()
        if self.user != os.getpid():
            raise DeviceError("Cannot re-initialize CUDA in forked subprocess.")

    def waits_for(self, what):
        """The host waits, which a capture does not allow."""
        if self.tape is not None:
            raise DeviceError(f"operation not permitted when stream is capturing: {what}")
        super().waits_for(what)

    def _of_card(self, result, known, on_cpu):
        if not isinstance(result, torch.Tensor) or any(result is tensor for tensor in on_cpu):  # copied into
            return result
        if (tensor := known.get(id(result))) is not None and tensor.stride() == result.stride():
            return tensor  # in place; one whose shape was changed needs a new name, for that of the old one stays
        tensor = CudaTensor(result)
        self.holds(tensor)
        return tensor

    def _copy(self, operation, args, kwargs, *, from_card, to):
        to_card = from_card if to is None else torch.device(to).type in ("cuda", INNER)
        waits = not kwargs.pop("non_blocking", False) or from_card
        if from_card == to_card:
            return self._of_card(self._do(operation, args, kwargs), {}, ())
        if waits:
            self.waits_for("copy to the card" if to_card else "copy from the card")
        copied = operation(*args, **kwargs)
        return self._of_card(copied, {}, ()) if to_card else copied

    def _do(self, operation, args, kwargs):
        if self.tape is not None:
            self.tape.keep(operation, args, kwargs)
        kernel = self._kernel(operation)
        result = kernel(*args, **kwargs)
        self.launched(operation, args)
        if self.tape is not None:
            self.tape.take_down(operation, kernel, args, kwargs, result)
        return result

    def _kernel(self, operation):
        """What computes an operation by the flags of now, whenever it does."""
        if self.tf32 and operation.overloadpacket.__name__ in _IN_TF32:
            backend = torch.backends.cudnn.conv if "convolution" in str(operation) else torch.backends.cuda.matmul
            if backend.fp32_precision == "tf32":
                return lambda *args, **kwargs: operation(*map(_ten_bits, args), **kwargs)
        return operation


def _held(value, on_card, on_cpu):
    """What is held, for arguments of an operation: tensors, numbers, and lists of them."""
    if isinstance(value, CudaTensor):
        on_card.append(value)
        return value.held
    if isinstance(value, torch.Tensor):
        on_cpu.append(value)
    elif type(value) in (list, tuple):
        return type(value)(_held(each, on_card, on_cpu) for each in value)
    return value


def _ten_bits(value):
    """Numbers as tensor cores read them."""
    if not isinstance(value, torch.Tensor) or value.dtype != torch.float32:
        return value
    return (value.view(torch.int32) & ~0x1FFF).view(torch.float32)
