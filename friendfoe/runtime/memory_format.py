"""Which models may be run in the memory format that a CPU is fastest in, and which may write into what they are given.

A format changes no number beyond rounding, but a program may notice it: `view` refuses to flatten it, strides differ,
a checkpoint or a hook computes with other weights. Trying it out shows one path through a program, not all of them; so
a model counts as known where it is made of nothing but classes that are known, each as its class has it.
"""

from functools import cache
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

_KNOWN = ("torch.nn.modules.", "torchvision.models.", "torchvision.ops.")
_PLAIN: tuple[type, ...] = (nn.Parameter, Tensor)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def in_any_format(model: object) -> TypeGuard[nn.Module]:
    """Whether a model gives the same in any memory format, and runs nothing besides: no hook, no function of others.

    So do the layers of torch, the networks of torchvision, and what a class of its own declares by the attribute
    `any_memory_format = True` (which subclasses do not inherit). All others may give the same; nobody knows.
    """
    if not isinstance(model, nn.Module) or _has_any_global_hook():  # type: ignore[no-untyped-call]
        return False
    return all(map(_known, model.modules()))


def to_fast_format(network: nn.Module) -> None:
    """Put the weights of a network into channels_last, in place, where it gives the same in any format."""
    if in_any_format(network):
        network.to(memory_format=torch.channels_last)


class Lender:
    """Hands images to a model in memory of a format that suits it, and that is its own where it may write into it.

    The format is channels_last where `fast`, else that of the first images; `known` is whether it is `in_any_format`.
    """

    def __init__(self, model: object, *, known: bool, fast: bool) -> None:
        parts = model.modules() if isinstance(model, nn.Module) else ()
        self._writes = not known or any(getattr(part, "inplace", False) for part in parts)
        self._format = torch.channels_last if fast else None

    def lend(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] as they are, where nothing has to be copied."""
        if self._format is None:
            only_last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
            self._format = torch.channels_last if only_last else torch.contiguous_format
        if self._writes:
            return images.clone(memory_format=self._format)
        return images.contiguous(memory_format=self._format)


def _known(module: nn.Module) -> bool:
    kind, own = type(module), vars(module)
    if vars(kind).get("any_memory_format"):
        known = not any(map(callable, own.values()))  # a function that it calls is not
    else:
        known = kind.__module__.startswith(_KNOWN)
    if not known or module._compiled_call_impl is not None or any(own[name] for name in _HOOKS):
        return False
    tensors = [tensor for tensor in (*own["_parameters"].values(), *own["_buffers"].values()) if tensor is not None]
    plain = all(type(tensor) in _PLAIN for tensor in tensors)
    replaced = not own.keys().isdisjoint(_methods(kind))  # type: ignore[arg-type]
    return plain and not replaced and not _overflows(module)


@cache
def _methods(kind: type[nn.Module]) -> frozenset[str]:
    """What an instance must not replace by functions of its own."""
    return frozenset(name for name in dir(kind) if callable(getattr(kind, name, None)))


def _overflows(module: nn.Module) -> bool:
    """Whether it is a convolution for whose weights' gradient oneDNN writes beyond its memory in channels_last.

    With a 1x1 kernel, a stride and fewer than 16 channels of input (torch 2.14); the process aborts, or goes on with
    damaged memory.
    """
    if not isinstance(module, nn.Conv2d):
        return False
    return module.kernel_size == (1, 1) and module.stride != (1, 1) and module.in_channels < 16
