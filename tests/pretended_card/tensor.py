"""Tensors that say they are on `cuda:0`."""

from functools import cache

import torch
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

GPU = torch.device("cuda:0")
# What C++ takes the device for: a backend in Python. Were it "cuda" there, too, autograd would ask a driver that is not
# there for its streams.
INNER = "pretended"


class _NoDevices(_DummyBackendModule):
    """The backend by its own name, which nobody is to find: who asks which devices there are, finds CUDA or none."""

    def is_available(self):
        return False

    def device_count(self):
        return 0


@cache
def register():
    """Make the backend known to C++; from then on this process cannot fork others that differentiate."""
    _setup_privateuseone_for_python_backend(INNER, backend_module=_NoDevices())


class DeviceError(RuntimeError):
    """What CUDA refuses."""


class CudaTensor(torch.Tensor):
    """A tensor of the card; its values are in `held`, on the CPU."""

    held: torch.Tensor
    card = None
    """The card whose rules hold for all of them, while there is one."""

    @staticmethod
    def __new__(cls, held):
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=torch.device(INNER, 0),
        )
        tensor.held = held
        return tensor

    device = property(lambda self: GPU)
    is_cuda = property(lambda self: True)
    is_cpu = property(lambda self: False)
    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return cls.card.run(operation, args, kwargs or {})

    def to(self, *args, copy=False, **kwargs):
        device, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
        if device is not None and device.type == "cpu":
            return super().to(*args, **kwargs)
        if (dtype is None or dtype == self.dtype) and layout is None:
            return self.clone() if copy else self
        given = {"dtype": dtype, "memory_format": layout}
        return super().to(**{name: value for name, value in given.items() if value is not None})

    def cuda(self, *args, **kwargs):
        return self

    def tolist(self):
        if self.numel():
            self.card.waits_for("tolist")
        return self.held.tolist()

    def numpy(self, *args, **kwargs):
        raise DeviceError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")

    def __repr__(self, **kwargs):
        return f"CudaTensor({self.held!r})"

    def __reduce_ex__(self, protocol):
        return self.held.detach().__reduce_ex__(protocol)  # whoever loads a checkpoint names the device

    def __deepcopy__(self, memo):
        copied = CudaTensor(self.held.detach().clone()).requires_grad_(self.requires_grad)
        if getattr(self, "_is_param", False):
            copied._is_param = True
        memo[id(self)] = copied
        return copied
