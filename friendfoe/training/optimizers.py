"""Optimisers and learning-rate schedules of torch, by the names of params.yaml."""

import inspect
from typing import TypeVar, cast

import torch
from torch import nn, optim
from torch.optim.lr_scheduler import LRScheduler

from friendfoe.training.recipes import Training

Kind = TypeVar("Kind", bound=optim.Optimizer)


def eager(kind: type[Kind]) -> type[Kind]:
    """The optimiser `kind` with the same arithmetic, whose methods do not import torch's compiler.

    torch decorates them for `torch.compile`; the first call then imports `torch._dynamo`: two seconds of every stage
    that trains, for nothing, since nothing here is compiled.
    """
    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return cast(type[Kind], type(kind.__name__, (kind,), methods))


SGD, ADAMW = eager(optim.SGD), eager(optim.AdamW)


def make_optimizer(network: nn.Module, recipe: Training) -> optim.Optimizer:
    """The optimiser of a recipe; weight decay is for weights alone, not for biases and batch norm."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0)
    return ADAMW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=True)


def make_scheduler(optimizer: optim.Optimizer, recipe: Training, steps: int) -> LRScheduler:
    """The schedule of a recipe over `steps` steps in all; it moves at every step."""
    if recipe.schedule == "one-cycle":
        return optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=recipe.learning_rate, total_steps=steps + 1, cycle_momentum=False
        )
    if recipe.schedule == "cosine":
        return optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    if recipe.schedule == "piecewise":
        return optim.lr_scheduler.MultiStepLR(optimizer, [steps // 2, 3 * steps // 4])
    if recipe.schedule == "halving":
        return optim.lr_scheduler.StepLR(optimizer, max(1, steps // 5), gamma=0.5)
    return optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
