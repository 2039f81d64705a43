"""Averaged weights: an exponential mean over epochs, of all of them or of those in which no class is too weak.

Both are those of Wei et al. 2023 (CFA, arXiv 2303.14460, section 4.3; code: PKU-ML/CFA, train.py), whose averages, too,
move once an epoch: the plain one is the control of the one with a threshold.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from friendfoe.training.job import AveragingConfig


class Average:
    """The average of a network's weights and batch-norm statistics.

    Args:
        network: whose weights are averaged; its own stay as they are.
        config: how slowly the average moves, and which weights enter it.
        weakest: the accuracy of the weakest class of a network on attacked held-out images; asked for where there is a
            threshold.
    """

    def __init__(
        self, network: nn.Module, config: AveragingConfig, weakest: Callable[[nn.Module], float] | None = None
    ) -> None:
        if config.threshold is not None and weakest is None:
            raise ValueError("weakest: a threshold is asked of the weakest class, and nothing says how it does")
        self._network, self._threshold, self._weakest = network, config.threshold, weakest
        remains = config.remains

        @torch.no_grad()
        def update(averages: Sequence[Tensor], weights: Sequence[Tensor], count: Tensor | int) -> None:
            # tensors of one dtype; all of them in one operation
            if averages[0].is_floating_point():
                torch._foreach_lerp_([*averages], [*weights], 1 - remains)
            else:
                torch._foreach_copy_([*averages], [*weights])  # batch norm's count of steps

        self._average = AveragedModel(network, multi_avg_fn=update, use_buffers=True)

    @property
    def network(self) -> nn.Module:
        """The network with the averaged weights; the one that is trained while no weights have entered."""
        return self._average.module if self._average.n_averaged else self._network

    def end_epoch(self) -> None:
        """Let the weights of this epoch enter, unless a class is too weak; the first to enter are taken as they are."""
        if self._threshold is None or (self._weakest and self._weakest(self._network) >= self._threshold):
            self._average.update_parameters(self._network)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return self._average.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self._average.load_state_dict(state)
