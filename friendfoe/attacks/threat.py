"""What a perturbation may do (the threat model) and what it is for (the goal)."""

import math
from dataclasses import dataclass
from enum import Enum
from typing import Literal, get_args

Norm = Literal["linf", "l2", "l0"]


class Goal(str, Enum):
    """Whether a perturbation raises the loss of the label (foe) or lowers it (friend)."""

    FOE = "foe"
    FRIEND = "friend"


@dataclass(frozen=True)
class Threat:
    """The ball around an image that a perturbation stays in, for pixels in [0, 1].

    Args:
        norm: ``linf``, ``l2``, or ``l0``.
        eps: the radius. For ``linf`` and ``l2`` in units of a pixel's range; for ``l0`` the share of the features
            (C x H x W) that may change, so that one number serves images of any size.

    Raises:
        ValueError: unknown norm; eps negative, not finite, or for ``l0`` above 1.
    """

    norm: Norm
    eps: float

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise ValueError(f"norm: must be one of {', '.join(get_args(Norm))}, got {self.norm!r}")
        if not (math.isfinite(self.eps) and self.eps >= 0):
            raise ValueError(f"eps: must be finite and at least 0, got {self.eps!r}")
        if self.norm == "l0" and self.eps > 1:
            raise ValueError(f"eps: for norm l0 a share of the features, at most 1, got {self.eps!r}")
