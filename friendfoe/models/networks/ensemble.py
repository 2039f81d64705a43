"""Ensembles: the mean of what several networks answer."""

import math
from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from pydantic import Field, SerializeAsAny, field_validator
from torch import Tensor, nn

from friendfoe.models.config import NetworkConfig, Shape, Width


class EnsembleConfig(NetworkConfig):
    """Several networks of one kind; the mean of their probabilities."""

    kind: Literal["ensemble"]
    members: Width = Field(description="how many networks")
    of: SerializeAsAny[NetworkConfig] = Field(description="each of them")

    @property
    def seconds(self) -> float:
        """Of all members."""
        return self.members * self.of.seconds

    @field_validator("of")
    @classmethod
    def _can_be_averaged(cls, member: NetworkConfig) -> NetworkConfig:
        if isinstance(member, EnsembleConfig):
            raise ValueError("a member cannot be an ensemble itself; raise `members`, or take another network")
        if member.independent:
            raise ValueError("the probabilities of a member must add up to one, to be averaged; take another network")
        return member

    def build(self, shape: Shape, classes: int) -> nn.Module:
        """The members, one after the other, each with fresh weights of its own."""
        return Ensemble(self.of.build(shape, classes) for _ in range(self.members))

    def describe(self) -> str:
        """How many, and of which network: "12 × CNN of width 16"."""
        return f"{self.members} × {self.of.describe()}"

    @property
    def raw_pixels(self) -> bool:
        """Whether its members do."""
        return self.of.raw_pixels


class Ensemble(nn.Module):
    """Networks that give logits [N, K] each; their probabilities are averaged, its logits the mean's logarithm."""

    any_memory_format = True

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        """Log-probabilities [N, K] of images [N, C, H, W]."""
        each = torch.stack([member(images).log_softmax(1) for member in self.members])
        return each.logsumexp(0) - math.log(len(self.members))


def members(network: nn.Module) -> Iterator[nn.Sequential]:
    """The members of a network of `friendfoe.models.classifier`, each with the normalisation before it."""
    normalise, ensemble = network.children()
    assert isinstance(ensemble, Ensemble)
    for member in ensemble.members:
        yield nn.Sequential(normalise, member)
