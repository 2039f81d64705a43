"""How a GPU computes float32: whole where a verdict rests on it, as TensorFloat-32 where only speed counts.

TensorFloat-32 reads factors with 10 bits of mantissa. Convolutions use it unless somebody forbids it, products unless
somebody allows it. On a CPU float32 is always whole.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch


def exact_unless_said() -> None:
    """From now on float32 is whole, but for what is `fast`."""
    for owner, name, off in _flags():
        setattr(owner, name, off)


def exact(device: torch.device) -> AbstractContextManager[None]:
    """Float32 as it is."""
    return _tf32(False) if device.type == "cuda" else nullcontext()


def fast(device: torch.device) -> AbstractContextManager[None]:
    """Convolutions and products of float32 in TensorFloat-32."""
    return _tf32(True) if device.type == "cuda" else nullcontext()


def is_rounded(values: torch.Tensor) -> bool:
    """Whether what is computed of these is not whole: under autocast, or in TensorFloat-32."""
    if torch.is_autocast_enabled(values.device.type):
        return True
    return values.is_cuda and values.dtype == torch.float32 and any(getattr(*flag) != off for *flag, off in _flags())


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    flags = _flags()
    before = [getattr(owner, name) for owner, name, _ in flags]
    try:
        for owner, name, off in flags:
            setattr(owner, name, _ON[off] if allowed else off)
        yield
    finally:
        for (owner, name, _), value in zip(flags, before, strict=True):
            setattr(owner, name, value)


_ON = {False: True, "ieee": "tf32"}


def _flags() -> list[tuple[Any, str, Any]]:
    """Where torch keeps it, and what forbids it: as flags, or as words, after which flags cannot be read any more."""
    backends: Any = torch.backends  # not all of them are typed
    convolutions, products = backends.cudnn, backends.cuda.matmul
    try:
        for owner in (convolutions, products):
            owner.allow_tf32  # noqa: B018
    except RuntimeError:
        return [(convolutions.conv, "fp32_precision", "ieee"), (products, "fp32_precision", "ieee")]
    return [(convolutions, "allow_tf32", False), (products, "allow_tf32", False)]
