"""Weight averaging: an exponential moving average of the weights over the steps of training."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged(network: nn.Module, remains: float, steps: int) -> AveragedModel:
    """A copy of the network that `update_parameters` moves towards it, its batch-norm statistics, too.

    The share of the average that a step leaves is at most (1 + t) / (10 + t) at step t: the first weights, which are
    random, are forgotten soon.

    Args:
        network: whose weights are averaged; its own stay as they are.
        remains: share of the average that remains after an epoch.
        steps: of an epoch.
    """
    slowest = remains ** (1 / steps)

    @torch.no_grad()
    def update(averages: Sequence[Tensor], weights: Sequence[Tensor], count: Tensor | int) -> None:
        done = int(count)
        move = 1 - min(slowest, (1 + done) / (10 + done))
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight, move)
            else:
                average.copy_(weight)  # batch norm's count of steps

    return AveragedModel(network, multi_avg_fn=update, use_buffers=True)
