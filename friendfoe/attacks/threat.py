"""What a perturbation may do (the threat model) and what it is for (the goal)."""

import math
from dataclasses import dataclass
from enum import Enum
from numbers import Real
from typing import Literal, get_args

Norm = Literal["linf", "l2", "l0"]


def number(name: str, value: object) -> float:
    """The value, of Python, NumPy or PyTorch, as a float; ValueError unless it is a number."""
    scalar = value.item() if getattr(value, "ndim", None) == 0 else value  # type: ignore[attr-defined]
    if isinstance(scalar, bool) or not isinstance(scalar, Real):
        raise ValueError(f"{name}: must be a number, got {value!r}")
    return float(scalar)


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
        ValueError: unknown norm; eps no number, negative, not finite, or for ``linf`` and ``l0`` above 1.
    """

    norm: Norm
    eps: float

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            written = str(self.norm).lower().replace("_", "").replace("-", "")
            meant = [f"; did you mean '{known}'?" for known in get_args(Norm) if written and known.endswith(written)]
            known = ", ".join(get_args(Norm))
            raise ValueError(f"norm: must be one of {known}, got {self.norm!r}{''.join(meant[:1])}")
        object.__setattr__(self, "eps", number("eps", self.eps))
        if not (math.isfinite(self.eps) and self.eps >= 0):
            raise ValueError(f"eps: must be finite and at least 0, got {self.eps!r}")
        if self.norm == "l0" and self.eps > 1:
            raise ValueError(f"eps: for norm l0 a share of the features, at most 1, got {self.eps!r}")
        if self.norm == "linf" and self.eps > 1:
            hint = f"got {self.eps:g}; is it {self.eps:g} / 255?"
            raise ValueError(f"eps: for norm linf in units of a pixel's range, at most 1, {hint}")
