"""The last layer of a classifier: a row of weights per class, and what can be done to it without training."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from friendfoe.runtime.errors import UserError


def last_layer(network: nn.Module) -> nn.Linear:
    """The linear layer that gives the logits: the last one of the network; a UserError where there is none."""
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise UserError(f"this network ({type(network).__name__}) has no linear layer whose rows belong to the classes")
    return layers[-1]


def row_norms(network: nn.Module) -> Tensor:
    """Euclidean norm of each class's row of weights, [K]."""
    norms: Tensor = torch.linalg.vector_norm(last_layer(network).weight.detach(), dim=1)
    return norms


def with_equal_rows(network: nn.Module) -> nn.Module:
    """A copy whose rows all have the mean norm; the biases stay.

    That is tau-normalisation with tau = 1 (Kang et al. 2020, section 4), which leaves the scale of the logits alone.
    """
    copy = deepcopy(network)
    norms = row_norms(copy)
    with torch.no_grad():
        last_layer(copy).weight.mul_((norms.mean() / norms.clamp_min(1e-12)).unsqueeze(1))
    return copy


def with_shifted_logits(network: nn.Module, shift: Tensor) -> nn.Module:
    """A copy whose logits are higher by `shift`, [K]."""
    copy = deepcopy(network)
    layer = last_layer(copy)
    bias = torch.zeros_like(layer.weight[:, 0]) if layer.bias is None else layer.bias.detach()
    layer.bias = nn.Parameter(bias + shift.to(bias))
    return copy
