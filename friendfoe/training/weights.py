"""What is asked of the weights beside the objective: a penalty on the first layer, and a limit on their length."""

import torch
from torch import Tensor, nn

from friendfoe.training.recipes import Training


def penalise(network: nn.Module, recipe: Training) -> None:
    """Add the gradient of `first_layer_l1` times the sum of the absolute weights of the first layer."""
    if recipe.first_layer_l1:
        first = _layers(network)[0]
        assert first.grad is not None
        first.grad.add_(first.detach().sign(), alpha=recipe.first_layer_l1)


@torch.no_grad()
def limit(network: nn.Module, recipe: Training) -> None:
    """Shorten the incoming weights of each unit to the Euclidean length `max_norm`.

    The max column norm of Srivastava et al. (2014, section 5.1) and of the maxout paper.
    """
    if recipe.max_norm is not None:
        for weights in _layers(network):
            torch.renorm(weights, 2, 0, recipe.max_norm, out=weights)


def _layers(network: nn.Module) -> list[Tensor]:
    """The weights of all linear and convolutional layers, from the images on; dimension 0 is that of the units."""
    return [module.weight for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
