"""While it lasts, there is a CUDA device."""

import os
from contextlib import ExitStack, contextmanager, nullcontext
from unittest.mock import patch

import torch
from torch.optim import optimizer
from torch.utils._python_dispatch import TorchDispatchMode

from friendfoe.attacks.frozen_norm import FrozenNorm
from friendfoe.runtime import memory_format
from tests.pretended_card import autocast, graphs
from tests.pretended_card.card import Card
from tests.pretended_card.tensor import CudaTensor, register


class _Mode(TorchDispatchMode):
    """Sees what is made without a tensor of the card: `zeros(..., device="cuda")`, `.to("cuda")`."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return CudaTensor.card.run(operation, args, kwargs or {})


@contextmanager
def pretended(memory=None, tf32=False):
    """There is a card, of so many bytes where it is said, with tensor cores or without; yields its books."""
    register()
    autocast.register()
    card = Card(memory=memory, tf32=tf32)
    with ExitStack() as stack:
        for owner, name, value in _replaced():
            stack.enter_context(patch.object(owner, name, value))
        stack.enter_context(patch.object(CudaTensor, "card", card))
        for get, put in _switched():
            stack.callback(put, get())
            put(True)
        # its threads would belong to devices that are not there
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))
        optimizer._foreach_supported_types.append(CudaTensor)
        stack.callback(optimizer._foreach_supported_types.remove, CudaTensor)
        stack.enter_context(_Mode())
        yield card


def _switched():
    # torch.tensor([...], device="cuda") is made on the CPU and then moved; Module.to makes new parameters
    yield torch._C._only_lift_cpu_tensors, torch._C._set_only_lift_cpu_tensors
    future = torch.__future__
    yield future.get_overwrite_module_params_on_conversion, future.set_overwrite_module_params_on_conversion


def _replaced():
    """What torch asks a driver, and what C++ does behind the back of a backend in Python."""
    cuda = torch.cuda
    torch._C._ensureCUDADeviceGuardSet()
    yield cuda, "_lazy_init", lambda: None
    yield cuda, "is_available", _is_available
    yield cuda, "is_initialized", lambda: CudaTensor.card.user is not None
    yield cuda, "device_count", lambda: 1
    yield cuda, "device", lambda device: nullcontext()
    yield cuda, "set_per_process_memory_fraction", _divided
    yield cuda, "set_device", _numbered
    yield cuda, "current_device", lambda: 0
    yield cuda, "synchronize", lambda device=None: None
    yield cuda, "empty_cache", lambda: None
    yield cuda, "is_bf16_supported", lambda *_, **__: True
    # the numbers of the card come from the CPU's generator
    yield cuda, "manual_seed_all", lambda seed: None
    yield cuda, "manual_seed", lambda seed: None
    yield cuda, "get_rng_state", lambda device="cuda": torch.get_rng_state()
    yield cuda, "set_rng_state", lambda new, device="cuda": torch.set_rng_state(new)
    yield cuda, "_is_in_bad_fork", lambda: False
    yield cuda, "CUDAGraph", graphs.Graph
    yield cuda, "graph", graphs.capturing
    yield cuda.amp.common, "amp_definitely_not_available", lambda: False
    yield cuda, "is_current_stream_capturing", lambda: CudaTensor.card.tape is not None
    yield torch, "autocast", autocast.Autocast
    yield memory_format, "_PLAIN", (*memory_format._PLAIN, CudaTensor)
    yield FrozenNorm, "fits", lambda module: False  # its kernel is there on a real card alone
    yield torch.nn.functional, "adaptive_avg_pool2d", _pooled
    yield torch.accelerator, "current_accelerator", lambda check_available=False: torch.device("cuda")


def _divided(fraction, device=None):
    _numbered(0 if device is None else device)
    CudaTensor.card.divide(fraction)


def _numbered(device):
    """Refuse a device without a number, as torch does here and not everywhere."""
    if not isinstance(device, int) and torch.device(device).index is None:
        raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")


def _is_available():
    """It is; who does not ask the driver's library has begun to use it."""
    if os.environ.get("PYTORCH_NVML_BASED_CUDA_CHECK") != "1":
        CudaTensor.card.used_by_this_process()
    return True


_adaptive = torch.nn.functional.adaptive_avg_pool2d


def _pooled(images, size):
    """The mean, without the change of strides in place that C++ makes after it."""
    return images.mean((-2, -1), keepdim=True) if size in (1, (1, 1)) else _adaptive(images, size)
