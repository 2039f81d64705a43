"""The methods of training, a module each, named as in the recipes of params.yaml; nothing else has to know of them.

A module holds `objective(p, data, model, replicate) -> Objective`: what the training loop minimises for one replicate
of a model. It may hold `validation(p, data, model, replicate) -> Perturb`: what is done to held-out images before the
epoch is chosen by them; without it they stay clean; and `prepare(p, data, model, network)`: what is added to a fresh
network for its training (`friendfoe.models.branches`). Its recipe stands in `friendfoe.training.recipes`.
"""

from importlib import import_module
from types import ModuleType

from torch import Tensor, nn

from friendfoe.params import Params
from friendfoe.training.objectives import Objective, Perturb


def objective(p: Params, data: str, model: str, replicate: int) -> Objective:
    """What one replicate of a model minimises, by the method of its recipe."""
    made: Objective = _module(p, model).objective(p, data, model, replicate)
    return made


def validation(p: Params, data: str, model: str, replicate: int) -> Perturb:
    """What is done to the held-out images of one replicate of a model, by the method of its recipe."""
    module = _module(p, model)
    made: Perturb = module.validation(p, data, model, replicate) if hasattr(module, "validation") else _clean
    return made


def prepare(p: Params, data: str, model: str, network: nn.Module) -> None:
    """Add to a fresh network, in place, what the method of the model's recipe trains it with."""
    module = _module(p, model)
    if hasattr(module, "prepare"):
        module.prepare(p, data, model, network)


def _clean(network: nn.Module, images: Tensor, labels: Tensor, samples: Tensor) -> Tensor:
    return images


def _module(p: Params, model: str) -> ModuleType:
    return import_module(f"{__name__}.{p.models[model].method.replace('-', '_')}")
