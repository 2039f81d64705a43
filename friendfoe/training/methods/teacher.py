"""Training at a temperature: the first network of distillation (Papernot et al. 2016, section IV)."""

import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.params import Params
from friendfoe.training.objectives import Batch, Objective
from friendfoe.training.recipes import Teacher


def objective(p: Params, data: str, model: str, replicate: int) -> Objective:
    """Cross-entropy at the temperature of the recipe."""
    recipe = p.models[model]
    assert isinstance(recipe, Teacher)
    return at(recipe.temperature)


def at(temperature: float) -> Objective:
    """Mean cross-entropy of softmax(logits / temperature) with the labels, and the logits.

    It is not rescaled: the gradient is 1 / temperature times the usual one, as in the paper.
    """

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = network(batch.images)
        return F.cross_entropy(logits / temperature, batch.labels), logits

    return loss
