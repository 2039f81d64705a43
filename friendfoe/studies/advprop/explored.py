"""What the explorer shows: corruptions by severity, and the attack that networks are trained against."""

from functools import partial

from torch import Tensor, nn

from friendfoe.attacks.pgd import PGDConfig
from friendfoe.attacks.threat import Goal
from friendfoe.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from friendfoe.data.pixels import to_float
from friendfoe.studies.advprop.names import ATTACK
from friendfoe.studies.advprop.settings import Settings
from friendfoe.studies.explorer import Perturbation, Shown, crafted_by
from friendfoe.studies.inputs import Inputs


def explored(study: Inputs[Settings]) -> list[Perturbation]:
    """The attack with shares of eps, as friend and as foe; then every corruption, which is neither."""
    inner = study.job.inner_attack
    assert inner
    sizes = tuple(share * study.job.eps for share in study.settings.explorer.shares)
    ways = []
    for goal in (Goal.FRIEND, Goal.FOE):
        attack = PGDConfig(attack="pgd", goal=goal, steps=inner.steps, rel_step=inner.rel_step)
        ways.append(Perturbation(ATTACK, goal.value, sizes, crafted_by(attack, study)))
    severities = tuple(map(float, SEVERITIES))
    seed = study.seed("corruption")
    return ways + [
        Perturbation(name, "neither", severities, partial(_corrupted, name=name, seed=seed)) for name in CORRUPTIONS
    ]


def _corrupted(network: nn.Module, shown: Shown, severity: float, *, name: str, seed: int) -> Tensor:
    """The images that all networks are evaluated on."""
    images = corrupt(to_float(shown.pixels), name, int(severity), seed=seed, sample_ids=shown.rows)
    return (images * 255).round().to(shown.pixels.dtype)
