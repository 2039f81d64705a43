"""`torch.autocast("cuda")` for a backend in Python, which has no kernels of autocast unless they are registered."""

import torch

from tests.pretended_card.tensor import INNER

aten = torch.ops.aten

_LOW = ("conv2d", "linear", "matmul", "mm", "bmm", "addmm", "baddbmm")
_HIGH = ("softmax.int", "log_softmax.int", "nll_loss", "kl_div", "binary_cross_entropy_with_logits", "softplus", "exp",
         "log", "log1p", "expm1", "pow.Tensor_Scalar", "pow.Tensor_Tensor", "sum", "sum.dim_IntList")  # fmt: skip
_kept = {}  # weights in low precision, as autocast keeps them
_registered = []  # libraries hold as long as these do
_plain = torch.amp.autocast_mode.autocast


class Autocast(_plain):
    """That of torch, which the backend in Python follows."""

    def __enter__(self):
        entered = super().__enter__()
        if self.device == "cuda":
            self._before = torch.is_autocast_enabled(INNER), torch.get_autocast_dtype(INNER)
            torch.set_autocast_enabled(INNER, self._enabled)
            torch.set_autocast_dtype(INNER, self.fast_dtype)
        return entered

    def __exit__(self, *error):
        if self.device == "cuda":
            torch.set_autocast_enabled(INNER, self._before[0])
            torch.set_autocast_dtype(INNER, self._before[1])
            _kept.clear()
        return super().__exit__(*error)


def register():
    """Teach the backend which operations autocast does in low precision, and which in float32."""
    if _registered:
        return
    others, ours = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    _registered.extend([others, ours])
    others.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    for names, cast in ((_LOW, _lowered), (_HIGH, _raised)):
        for name in names:
            ours.impl(name, _kernel(name, cast), "AutocastPrivateUse1")


def _kernel(name, cast):
    packet, _, overload = name.partition(".")
    operation = getattr(getattr(aten, packet), overload or "default")
    key = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)

    def kernel(*args, **kwargs):
        with torch._C._ExcludeDispatchKeyGuard(key):
            args, kwargs = torch.utils._pytree.tree_map(cast, (args, kwargs))
            return operation(*args, **kwargs)

    return kernel


def _lowered(value):
    if not isinstance(value, torch.Tensor) or value.dtype != torch.float32:
        return value
    keeps = value.requires_grad and value.is_leaf and torch.is_autocast_cache_enabled()
    if keeps and id(value) in _kept:
        return _kept[id(value)][1]
    low = value.to(torch.get_autocast_dtype(INNER))
    if keeps:
        _kept[id(value)] = value, low
    return low


def _raised(value):
    half = isinstance(value, torch.Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    return value.float() if half else value
