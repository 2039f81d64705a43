"""Perturbations as pure functions: friends lower the loss of the true label, foes raise it.

Every attack keeps one contract:

    perturbed = attack(model, images, labels, *, threat, ..., early_stop=False, seed=0, sample_ids=None)

- ``model(images)`` gives logits [N, K]; ``images`` are floating [N, C, H, W] in [0, 1], ``labels`` int64 [N].
- The result has the shape and dtype of ``images``, is detached, lies in the ball of ``threat``, to a rounding of
  float32 (float64 for such images), and in [0, 1]; only with ``clip=False`` (of ``fgsm``, ``pgd`` and ``random_noise``)
  may pixels leave [0, 1]. Half precision is rounded inwards; a model of such weights is shown images of its dtype.
- ``targets``, of the attacks that have them, are int64 [N], classes other than the labels, to which a foe leads.
- Of images that are equally good, to a rounding of their scores, the latest is kept, and never the clean one.
- What is not finite never counts as a success: logits that are not, and gradients that are not a number, are a
  `NotFiniteError`, whichever answer they are in. Infinite slopes count as the image's steepest finite one.
- With ``early_stop`` an attack works on a sample until the model does not predict its label; that image is returned.
- What is drawn for an image depends on ``(seed, sample_ids[i])`` alone, not on the batch it sits in or its place there;
  ``sample_ids`` are int64 [N], the identity of each image, and its place in the batch where not given.
- An attack that draws nothing has neither ``seed`` nor ``sample_ids``, one that cannot stop early no ``early_stop``.
- Weights, gradients, batch-norm statistics, train / eval mode and the global random state are left as they were found;
  the model is in eval mode while an attack works on it.
- Under ``torch.autocast`` gradients are computed in low precision (the setting ``precision: bfloat16``); images stay as
  they are, and whether a sample has fallen is still decided in full precision.
- Bad input is a `ValueError` whose message begins with the name of the argument; of probabilities in place of
  logits there is a warning.

The docstring of an attack says what it has besides. A new attack is one file: a function, and its settings
(`AttackConfig`). A function is loaded when first used, from the module that is named below, else from the one
that bears its name.
"""

import sys
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from friendfoe.attacks.apgd import apgd
    from friendfoe.attacks.assist import assist
    from friendfoe.attacks.autoattack import autoattack
    from friendfoe.attacks.config import AttackConfig
    from friendfoe.attacks.craft import craft
    from friendfoe.attacks.cw import cw_l2
    from friendfoe.attacks.cw_l0 import cw_l0
    from friendfoe.attacks.cw_linf import cw_linf
    from friendfoe.attacks.fab import fab_t
    from friendfoe.attacks.fgsm import fgsm
    from friendfoe.attacks.jsma import jsma
    from friendfoe.attacks.losses import Loss, cross_entropy, dlr, kl, log_odds, log_odds_at, margin
    from friendfoe.attacks.noise import random_noise
    from friendfoe.attacks.patch import square_patch
    from friendfoe.attacks.pgd import margin_pgd, pgd, temperature_pgd
    from friendfoe.attacks.square import square
    from friendfoe.attacks.threat import Goal, Threat

_HOME = {
    "config": ("AttackConfig",),
    "cw": ("cw_l2",),
    "fab": ("fab_t",),
    "losses": ("Loss", "cross_entropy", "dlr", "kl", "log_odds", "log_odds_at", "margin"),
    "noise": ("random_noise",),
    "patch": ("square_patch",),
    "pgd": ("margin_pgd", "temperature_pgd"),
    "threat": ("Goal", "Threat"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["AttackConfig", "Goal", "Threat", "craft", "square_patch"]
__all__ += ["apgd", "assist", "autoattack", "cw_l0", "cw_l2", "cw_linf", "fab_t", "fgsm", "jsma"]
__all__ += ["margin_pgd", "pgd", "random_noise", "square", "temperature_pgd"]
__all__ += ["Loss", "cross_entropy", "dlr", "kl", "log_odds", "log_odds_at", "margin"]


def __getattr__(name: str) -> Any:
    module = f"{__name__}.{_MODULE.get(name, name)}"
    if find_spec(module) is None:
        meant = "".join(f"; did you mean {known!r}?" for known in get_close_matches(name, __all__, n=1))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{meant}")
    return getattr(import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Python sets each module that it loads as an attribute here; where it bears a function's name, that stays."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, vars(value).get(name, value) if isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = _Package
