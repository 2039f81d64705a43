"""The methods of training, a module each, named as in the recipes of params.yaml; nothing else has to know of them.

A module holds `objective(p, data, model, replicate) -> Objective`: what the training loop minimises for one replicate
of a model. Its recipe stands in `friendfoe.training.recipes`.
"""

from importlib import import_module

from friendfoe.params import Params
from friendfoe.training.objectives import Objective


def objective(p: Params, data: str, model: str, replicate: int) -> Objective:
    """What one replicate of a model minimises, by the method of its recipe."""
    method = p.models[model].method.replace("-", "_")
    made: Objective = import_module(f"{__name__}.{method}").objective(p, data, model, replicate)
    return made
