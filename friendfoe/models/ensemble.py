"""Ensembles: the mean of what several networks answer."""

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """Networks whose probabilities are averaged; its logits are the logarithm of the mean.

    Args:
        members: each gives logits [N, K].
    """

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, images: Tensor) -> Tensor:
        """Log-probabilities [N, K] of images [N, C, H, W]."""
        answers = torch.stack([member(images).log_softmax(1) for member in self.members])
        return answers.logsumexp(0) - math.log(len(self.members))


def members(network: nn.Module) -> Iterator[nn.Sequential]:
    """The members of a network of `friendfoe.models.registry`, each with the normalisation before it."""
    normalise, ensemble = network.children()
    assert isinstance(ensemble, Ensemble)
    for member in ensemble.members:
        yield nn.Sequential(normalise, member)
