"""First-layer filters: what they look like, and how few pixels they look at."""

import torch
from torch import Tensor, nn


def filters(network: nn.Module, shape: tuple[int, int, int]) -> Tensor:
    """The weights of the first layer as images, float [units, C, H, W] (of a convolution: its kernels)."""
    layer = next(module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d))
    weights = layer.weight.detach().cpu()
    return weights if weights.dim() == 4 else weights.view(-1, *shape)


def spread(weights: Tensor) -> float:
    """The effective share of pixels that a filter looks at, mean over filters: (sum w²)² / (D sum w⁴).

    It is 1 / D for a filter of one pixel and 1 for one of equal weights.
    """
    squares = weights.flatten(1).double().square()
    shares = squares.sum(1).square() / squares.square().sum(1).clamp_min(torch.finfo(torch.float64).tiny)
    return (shares / squares.shape[1]).mean().item()
