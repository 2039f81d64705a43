"""What a stage trains where a model stands for several: one per network size, or per strength of its attacker.

The variant V of a model M is a model of its own, "M/V", whose files lie in a folder M.
"""

from typing import Any

from friendfoe import params
from friendfoe.training.recipes import AdvProp, Sweep


def variants(p: params.Params, data: str, model: str) -> tuple[params.Params, list[str]]:
    """The params with a recipe for every variant of a model, and their names; a model without variants stands alone."""
    recipe = p.models[model]
    if isinstance(recipe, AdvProp) and recipe.sweep:
        changes = {name: _attacked(recipe, **of) for name, of in attackers(recipe.sweep).items()}
    else:
        sizes = params.tailored(p, data, recipe.study).sizes if recipe.study else {}
        changes = {name: {"network": of.network, "training": of.training} for name, of in sizes.items()}
    if not changes:
        return p, [model]
    own = params.tailored(p, data, recipe.study).models.get(model)
    here = {**recipe.training, **(own.training if own else {})}  # those of the data set are found by the model's name
    common: dict[str, Any] = {"network": params.network(p, data, model), "training": {}}
    made = {}
    for name, changed in changes.items():
        changed = {key: value for key, value in changed.items() if value is not None}
        training = {**here, **changed.get("training", {})}
        made[f"{model}/{name}"] = recipe.model_copy(update={**common, **changed, "training": training})
    return p.model_copy(update={"models": {**p.models, **made}}), list(made)


def attackers(sweep: Sweep) -> dict[str, dict[str, Any]]:
    """The settings of the attackers of a sweep, by name."""
    return {
        **{f"strength-{value:g}": {"strength": value} for value in sweep.strengths},
        **{f"steps-{value}": {"steps": value} for value in sweep.steps},
    }


def _attacked(recipe: AdvProp, **settings: Any) -> dict[str, Any]:
    """The recipe's distributions, with another attacker."""
    return {
        "distributions": [
            of.model_copy(update=settings) if of.images == "adversarial" else of for of in recipe.distributions
        ]
    }
