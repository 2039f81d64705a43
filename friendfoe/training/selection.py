"""Choosing the epoch whose weights are kept, by images that are held out of training."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from friendfoe.training.job import ValidationConfig

Weights = dict[str, Tensor]
LOW = 2  # epochs in a row that make a collapse; one alone may be a step too far, which the next ones mend


class Selection:
    """The weights of the best epoch so far, and whether training is to stop.

    Early stopping on robust validation accuracy follows Rice et al. (2020); what is called a collapse here, Wong et al.
    (2020) call catastrophic overfitting: a network that goes on gaining on the attack of its training loses what it had
    against a stronger one.

    Args:
        config: when to stop.
        accuracy: of a network on the held-out images.
    """

    def __init__(self, config: ValidationConfig, accuracy: Callable[[nn.Module], float]) -> None:
        self._config = config
        self._accuracy = accuracy
        self.epoch = -1
        """The best epoch so far, from 0."""
        self.best = -1.0
        """Its accuracy on the held-out images."""
        self.trained = 0.0
        """Its accuracy in training."""
        self.weights: Weights = {}
        self.low = 0
        """Epochs in a row in which the accuracy was that of a collapse."""
        self.stopped = False

    def end_epoch(self, epoch: int, network: nn.Module, trained: float) -> float:
        """Look at the network after an epoch; give its accuracy on the held-out images.

        Args:
            epoch: from 0.
            network: as it would be kept.
            trained: its accuracy in training, on what the objective has made of the images.
        """
        found = self._accuracy(network)
        low = found < self._config.collapse * self.best and trained >= self.trained
        self.low = self.low + 1 if low else 0
        if found > self.best:
            self.epoch, self.best, self.trained, self.weights = epoch, found, trained, copy(network)
        waited = self._config.patience is not None and epoch - self.epoch >= self._config.patience
        self.stopped = self.collapsed or waited
        return found

    @property
    def collapsed(self) -> bool:
        """Whether the network has lost its robustness while its training accuracy says that all is well."""
        return self.low >= LOW

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        vars(self).update(state)


def copy(network: nn.Module) -> Weights:
    """The network's weights and buffers as they are now."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
