"""Adversarial training of Goodfellow et al. (2015, section 6), and its controls with random noise."""

import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe import params, runtime
from friendfoe.attacks.recipes import Recipe
from friendfoe.attacks.run import craft
from friendfoe.training.objectives import Batch, Objective, Perturb
from friendfoe.training.recipes import Adversarial


def objective(p: params.Params, data: str, model: str, replicate: int) -> Objective:
    """The mixed objective of a recipe: its alpha, its condition in the size of its study."""
    recipe = p.models[model]
    assert isinstance(recipe, Adversarial)
    return mixed(recipe.alpha, p.conditions[recipe.condition], params.tailored(p, data, recipe.study).eps)


def validation(p: params.Params, data: str, model: str, replicate: int) -> Perturb:
    """What it trains on: the paper stops at the lowest error on adversarial images."""
    recipe = p.models[model]
    assert isinstance(recipe, Adversarial)
    condition, eps = p.conditions[recipe.condition], params.tailored(p, data, recipe.study).eps
    seed = runtime.seed(p.data[data].seed, data, "validation", replicate)
    return lambda network, images, labels, samples: craft(
        condition, network, images, labels, eps=eps, seed=seed, samples=samples
    )


def mixed(alpha: float, condition: Recipe, eps: float) -> Objective:
    """alpha J(x) + (1 - alpha) J(x'), where x' is made anew at every step and is a constant for the weights' gradient.

    With alpha 1 nothing is perturbed, and training is standard training to the bit.

    Args:
        alpha: in [0, 1].
        condition: how x' is made from x.
        eps: how large the perturbation is, unless the condition has its own.
    """

    def loss(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = network(batch.images)
        clean = F.cross_entropy(logits, batch.labels)
        if alpha == 1:
            return clean, logits
        alone = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
        perturbed = craft(condition, alone, batch.images, batch.labels, eps=eps, seed=batch.seed, samples=batch.samples)
        return alpha * clean + (1 - alpha) * F.cross_entropy(network(perturbed), batch.labels), logits

    return loss
