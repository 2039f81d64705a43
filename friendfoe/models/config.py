"""What every network's settings have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from friendfoe.runtime.kinds import Kind

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""

Width = Annotated[int, Field(gt=0, le=1 << 14)]
"""How many channels, units or parts side by side, or layers one after the other; more fit no memory."""


SMALL, LARGE = 3e-4, 0.05
"""Seconds of one image's pass through a small network, and through a ResNet-18 on 32x32, forward and backward."""


class NetworkConfig(Kind):
    """A kind of network and its settings."""

    tag = "kind"
    package = "friendfoe.models.networks"
    label: ClassVar[str] = "{kind}"
    """The network in a few words, with the names of settings in braces."""

    foreign: ClassVar[bool] = False
    """Whether code or a file of the user's makes it, which cannot be asked to do without memory."""

    kind: str

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The network after its normalisation, for K classes, with fresh weights from torch's global random state.

        It raises a UserError where it cannot take such images, or so many classes.
        """
        raise NotImplementedError

    def describe(self) -> str:
        """The network in a few words, such as "CNN of width 16"."""
        return self.label.format(**dict(self))

    @property
    def seconds(self) -> float:
        """Of one core, for an image to pass forward and backward, to a factor of ten."""
        return SMALL

    @property
    def files(self) -> list[Path]:
        """The user's own files that it is made from."""
        return []

    @property
    def raw_pixels(self) -> bool:
        """Whether it takes pixels as they are: its source gives limits on weights in the unit of the pixels."""
        return False

    @property
    def independent(self) -> bool:
        """Whether each class has a probability of its own (a sigmoid), and they need not add up to one."""
        return False
