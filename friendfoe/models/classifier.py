"""A whole network: normalisation, what follows it, and what its logits stand for."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from friendfoe.models.config import NetworkConfig, Shape


class Normalise(nn.Module):
    """(x - mean) / std per channel, as a part of the network, so that images stay in [0, 1] everywhere else."""

    any_memory_format = True
    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        # a channel that never varies is centred and left unscaled
        self.register_buffer("std", torch.tensor([s or 1.0 for s in std], dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images [N, C, H, W]."""
        return (images - self.mean) / self.std


class Classifier(nn.Sequential):
    """Normalisation and what follows it: gives logits, and knows what they stand for.

    Where `independent` each logit is the log-odds of its class alone; else the classes' probabilities add up to one.
    """

    any_memory_format = True

    def __init__(self, normalise: nn.Module, body: nn.Module, *, independent: bool) -> None:
        super().__init__(normalise, body)
        self.independent = independent

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of logits [N, K], likewise [N, K]."""
        return logits.sigmoid() if self.independent else logits.softmax(1)


def build(
    config: NetworkConfig,
    shape: Shape,
    classes: int,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    *,
    seed: int = 0,
) -> Classifier:
    """A network with fresh weights that maps images in [0, 1] to logits.

    Shape, classes and errors are those of `NetworkConfig.build`.

    Args:
        config: what to build.
        mean: per-channel mean of the training images in [0, 1]; left out where weights are loaded afterwards.
        std: per-channel standard deviation, likewise.
        seed: of the weights; torch's global random state stays as it is.
    """
    if config.raw_pixels:
        mean = std = None
    normalise = Normalise(mean or [0.0] * shape[0], std or [1.0] * shape[0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = config.build(shape, classes)
    return Classifier(normalise, body, independent=config.independent)
