"""Perturbations as pure functions: friends lower the loss of the true label, foes raise it.

Every attack keeps one contract::

    perturbed = attack(model, images, labels, *, threat, ...)

- ``images`` are floating [N, C, H, W] in [0, 1], ``labels`` int64 [N]; ``model(images)`` gives logits [N, K].
- The result has the shape and dtype of ``images``, is detached, lies in the ball of ``threat`` and in [0, 1]; only with
  ``clip=False`` (of ``fgsm`` and ``pgd``) may pixels leave [0, 1].
- Weights, gradients, batch-norm statistics, train / eval mode and the global random state are left as they were found;
  the model is in eval mode while an attack works on it.
- What is drawn for an image depends on ``(seed, samples[i])`` alone, not on the batch it sits in or its place there.
- Under ``torch.autocast`` gradients are computed in low precision (the recipe option ``precision: bfloat16``); images
  stay as they are, and whether a sample has fallen is still decided in full precision.
- Bad input is a :class:`ValueError` whose message begins with the name of the argument.

The names below are loaded when first used: recipes are checked without importing torch. (So no module here may bear the
name of a function.)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from friendfoe.attacks.auto_pgd import apgd
    from friendfoe.attacks.boundary import fab_t
    from friendfoe.attacks.carlini_wagner import cw_l2
    from friendfoe.attacks.control import random_noise
    from friendfoe.attacks.ensemble import autoattack
    from friendfoe.attacks.losses import Loss, cross_entropy, dlr, kl, log_odds, log_odds_at, margin
    from friendfoe.attacks.patch import square_patch
    from friendfoe.attacks.projected import pgd
    from friendfoe.attacks.random_search import square
    from friendfoe.attacks.recipes import Recipe
    from friendfoe.attacks.run import craft
    from friendfoe.attacks.saliency import jsma
    from friendfoe.attacks.threat import Goal, Threat
    from friendfoe.attacks.variants import assist, fgsm, margin_pgd, temperature_pgd

_HOME = {
    "auto_pgd": ("apgd",),
    "boundary": ("fab_t",),
    "carlini_wagner": ("cw_l2",),
    "ensemble": ("autoattack",),
    "random_search": ("square",),
    "losses": ("Loss", "cross_entropy", "dlr", "kl", "log_odds", "log_odds_at", "margin"),
    "patch": ("square_patch",),
    "projected": ("pgd",),
    "control": ("random_noise",),
    "recipes": ("Recipe",),
    "run": ("craft",),
    "saliency": ("jsma",),
    "threat": ("Goal", "Threat"),
    "variants": ("assist", "fgsm", "margin_pgd", "temperature_pgd"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Goal",
    "Loss",
    "Recipe",
    "Threat",
    "apgd",
    "assist",
    "autoattack",
    "craft",
    "cross_entropy",
    "cw_l2",
    "dlr",
    "fab_t",
    "fgsm",
    "jsma",
    "kl",
    "log_odds",
    "log_odds_at",
    "margin",
    "margin_pgd",
    "pgd",
    "random_noise",
    "square",
    "square_patch",
    "temperature_pgd",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
