"""Optimisers and learning-rate schedules of torch by the names of params.yaml; what else is done to the weights."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn, optim
from torch.optim.lr_scheduler import LRScheduler

from friendfoe.runtime.startup import eager
from friendfoe.training.job import TrainingConfig

SGD, ADAM, ADAMW = eager(optim.SGD), eager(optim.Adam), eager(optim.AdamW)


def make_optimizer(network: nn.Module, config: TrainingConfig) -> optim.Optimizer:
    """The optimiser of a budget; weight decay is for weights alone, not for biases and batch norm.

    On a GPU in one launch, and so that a graph can repeat it.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    on_gpu = any(parameter.is_cuda for parameter in trained)
    rate, momentum = config.learning_rate, config.momentum
    if config.optimizer == "sgd":
        return SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=on_gpu or None)
    kind = ADAM if config.optimizer == "adam" else ADAMW
    return kind(groups, lr=rate, betas=(momentum, 0.999), fused=True, capturable=on_gpu)


def make_scheduler(optimizer: optim.Optimizer, config: TrainingConfig, steps: int) -> LRScheduler:
    """The schedule of a budget over `steps` steps in all; it moves at every step."""
    if config.schedule == "one-cycle":
        return optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=config.learning_rate, total_steps=steps + 1, cycle_momentum=False
        )
    if config.schedule == "cosine":
        return optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    if config.schedule == "piecewise":
        return optim.lr_scheduler.MultiStepLR(optimizer, [steps // 2, 3 * steps // 4])
    if config.schedule == "halving":
        return optim.lr_scheduler.StepLR(optimizer, max(1, steps // 5), gamma=0.5)
    return optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)


def layers(network: nn.Module) -> list[Tensor]:
    """The weights of all linear and convolutional layers, from the images on; dimension 0 is that of the units."""
    return [module.weight for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]


def penalise(layers: Sequence[Tensor], config: TrainingConfig, trained: float) -> None:
    """Add the gradient of `first_layer_l1` times the sum of the absolute weights of the first of the layers.

    `trained` is the share of the budget's steps that are done. A decay that is there from the first step can shrink
    small initial weights to nothing before the loss has a gradient to speak of; hence `first_layer_l1_from`.
    """
    if is_penalised(config, trained):
        first = layers[0]
        assert first.grad is not None
        first.grad.add_(first.detach().sign(), alpha=config.first_layer_l1)


def is_penalised(config: TrainingConfig, trained: float) -> bool:
    """Whether `penalise` does something."""
    return config.first_layer_l1 is not None and trained >= config.first_layer_l1_from


@torch.no_grad()
def limit(layers: Sequence[Tensor], config: TrainingConfig) -> None:
    """Shorten the incoming weights of each unit of the layers to the Euclidean length `max_norm`.

    The max column norm of Srivastava et al. (2014, section 5.1) and of the maxout paper.
    """
    if config.max_norm is not None:
        for weights in layers:
            torch.renorm(weights, 2, 0, config.max_norm, out=weights)
