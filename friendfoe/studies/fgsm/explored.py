"""What the explorer shows: FGSM on each network itself, and what was crafted on another one, as friend and as foe."""

from functools import partial

from torch import Tensor, nn

from friendfoe.studies.explorer import Perturbation, Shown
from friendfoe.studies.fgsm.measures import direction, stored
from friendfoe.studies.fgsm.names import TRANSFERRED
from friendfoe.studies.fgsm.settings import Settings
from friendfoe.studies.inputs import Inputs

GOALS = {"friend": -1, "foe": 1}  # down the cost, and up


def explored(study: Inputs[Settings]) -> list[Perturbation]:
    """FGSM with shares of eps, along the sign of each network's own cost, and of that of another network."""
    other = study.network(TRANSFERRED.removeprefix("on-"), 0)
    sizes = tuple(share * study.job.eps for share in study.settings.explorer.shares)
    return [
        Perturbation(attack, goal, sizes, partial(_moved, source=source, sign=sign))
        for attack, source in (("fgsm", None), (TRANSFERRED, other))
        for goal, sign in GOALS.items()
    ]


def _moved(network: nn.Module, shown: Shown, eps: float, *, source: nn.Module | None, sign: int) -> Tensor:
    signs = direction(network if source is None else source, shown.pixels, shown.labels)
    return stored(shown.pixels, sign * signs, eps)
