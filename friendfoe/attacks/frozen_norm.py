"""Batch norm as attacks meet it: statistics that stay, and a gradient for the features alone; on a GPU.

That gradient is another multiplication by a number of each channel. torch 2.11 computes it element by element of a
factor that it broadcasts: on an H100, for PreActResNet-18 in bfloat16, in 28 us on average where the kernel of the
forward pass takes 8, a sixth of a step of adversarial training. Here the kernel of the forward pass does both.
"""

from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

_LOW = (torch.bfloat16, torch.float16)  # features in these go with statistics in float32


class FrozenNorm(nn.BatchNorm2d):
    """In place of a batch norm in eval mode, of which it has all attributes, and no gradient but that of its input."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        assert norm.running_var is not None  # as `fits` has seen
        vars(self).update(vars(norm))
        self._spread = torch.rsqrt(norm.running_var + norm.eps)

    @classmethod
    def fits(cls, module: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
        """Whether a module is a batch norm on a GPU that keeps its statistics, as torch has it."""
        if type(module) is not nn.BatchNorm2d or module.running_mean is None or module.running_var is None:
            return False
        return module.running_mean.is_cuda and module.running_mean.dtype in (torch.float32, torch.float64)

    def forward(self, input: Tensor) -> Tensor:
        """Features [N, C, H, W], as of `nn.BatchNorm2d`, and by it where nothing asks for their gradient."""
        mean = self.running_mean
        assert mean is not None
        known = input.dtype == mean.dtype or (input.dtype in _LOW and mean.dtype == torch.float32)
        if not (input.requires_grad and torch.is_grad_enabled() and input.numel() and known):
            return super().forward(input)
        scaled: Tensor = _Scaled.apply(input, self.weight, self.bias, mean, self._spread, self.eps)
        return scaled


class _Scaled(torch.autograd.Function):
    """(input - mean) * spread * weight + bias, with a gradient for the input alone."""

    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, spread: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(weight, spread)
        ctx.eps = eps
        return torch.batch_norm_elemt(input, weight, bias, mean, spread, eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, spread = ctx.saved_tensors
        scaled = torch.batch_norm_elemt(gradients[0], weight, None, torch.zeros_like(spread), spread, ctx.eps)
        return scaled, None, None, None, None, None
