"""How often images pass through a network, by what is done with them: what time is estimated from."""

from __future__ import annotations

from dataclasses import dataclass

from friendfoe.attacks.config import AttackConfig

STANDING = 0.5  # share of its images on which a robust network withstands the first attacks of several
FALLEN = 0.05  # the same of a network that is trained on clean images


@dataclass(frozen=True)
class Passes:
    """Images that pass through a network."""

    trained: float = 0.0  # in a step of training
    inner: float = 0.0  # forward, and backward to the pixels, while training
    attacked: float = 0.0  # the same of a trained network
    answered: float = 0.0  # forward alone

    def __add__(self, other: Passes) -> Passes:
        """Both."""
        return Passes(**{name: count + getattr(other, name) for name, count in vars(self).items()})

    def __mul__(self, times: float) -> Passes:
        """So often."""
        return Passes(**{name: count * times for name, count in vars(self).items()})

    __rmul__ = __mul__


def of_attack(attack: AttackConfig, standing: float = STANDING) -> Passes:
    """Passes of one image under an attack; so many of them `standing` when the first of several attacks is done."""
    setting = dict(attack)
    if attack.kind_name == "noise":
        return Passes()
    steps, queries, targets = (setting.get(name, 0) for name in ("steps", "n_queries", "n_target_classes"))
    if attack.kind_name == "autoattack":  # APGD; then, of what withstands, APGD and FAB by targets, and Square
        return Passes(attacked=steps * (1 + standing * 2 * targets), answered=standing * queries)
    searches = setting.get("restarts", 1) * setting.get("binary_search_steps", 1) * max(targets, 1)
    steps = setting.get("steps", 0 if queries else 1)
    return Passes(attacked=float(steps * searches), answered=standing * queries)
