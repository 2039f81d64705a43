"""The gradient that a model's first convolution passes on to the images, on a CPU.

The kernels of oneDNN are made for many channels. For the gradient of an input of one or three they take up to five
times as long as what that gradient is by definition: a matrix product, and `fold`, which adds up overlapping windows.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_CHANNELS = 4  # of images; features have more


class FastFirstLayer(TorchFunctionMode):
    """Inside it, a convolution of images computes their gradient the faster way; all else is as it was.

    Only where the images alone need a gradient, in full precision, on a CPU.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run ``func``, or the faster convolution in its place."""
        if func is torch.conv2d and not torch.is_autocast_enabled("cpu"):
            func = _convolution
        return func(*args, **(kwargs or {}))


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    images_only = input.requires_grad and not weight.requires_grad and input.device.type == "cpu"
    usual = input.dim() == 4 and input.shape[1] <= _CHANNELS and groups == 1 and not isinstance(padding, str)
    if images_only and usual and _sees_images(input):
        convolved: Tensor = _Convolution.apply(input, weight, bias, stride, padding, dilation)
        return convolved
    return torch.conv2d(input, weight, bias, stride, padding, dilation, groups)


def _sees_images(features: Tensor) -> bool:
    """Whether no convolution stands between the images and these features."""
    before, seen = [features.grad_fn], set()
    while before:
        node = before.pop()
        if node is None or node in seen:
            continue
        if "Convolution" in node.name():
            return False
        seen.add(node)
        before += [earlier for earlier, _ in node.next_functions]
    return True


class _Convolution(torch.autograd.Function):
    """`torch.conv2d` with a gradient for the images alone."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        images: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any
    ) -> Tensor:
        return torch.conv2d(images, weight, bias, stride, padding, dilation)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        images, weight, _, stride, padding, dilation = inputs
        ctx.save_for_backward(weight)
        ctx.size = images.shape[2:]
        ctx.windows = {"kernel_size": weight.shape[2:], "stride": stride, "padding": padding, "dilation": dilation}

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,), (gradient,) = ctx.saved_tensors, gradients
        places = gradient.permute(0, 2, 3, 1).flatten(1, 2)  # [N, places, channels]: a view in channels_last
        windows = weight.flatten(1).t() @ places.transpose(1, 2)
        return F.fold(windows, ctx.size, **ctx.windows), None, None, None, None, None
