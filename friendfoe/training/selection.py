"""Choosing the epoch whose weights are kept, by images that are held out of training."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from friendfoe.training.job import ValidationConfig

Weights = dict[str, Tensor]
COLLAPSE = 2  # low epochs in a row; one alone may be a step too far, which the next ones mend


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
        self.training_accuracy = 0.0
        """Its accuracy in training."""
        self.weights: Weights = {}
        self.low_epochs = 0
        """Epochs in a row in which the accuracy was that of a collapse."""
        self.stopped = False

    def end_epoch(self, epoch: int, network: nn.Module, training_accuracy: float) -> float:
        """Look at the network after an epoch; give its accuracy on the held-out images.

        Args:
            epoch: from 0.
            network: as it would be kept.
            training_accuracy: on what the objective has made of the images.
        """
        accuracy, config = self._accuracy(network), self._config
        low = accuracy < config.collapse * self.best and training_accuracy >= self.training_accuracy
        self.low_epochs = self.low_epochs + 1 if low else 0
        if accuracy > self.best:
            self.epoch, self.best, self.training_accuracy = epoch, accuracy, training_accuracy
            self.weights = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        self.stopped = self.collapsed or (config.patience is not None and epoch - self.epoch >= config.patience)
        return accuracy

    @property
    def collapsed(self) -> bool:
        """Whether the network has lost its robustness while its training accuracy says that all is well."""
        return self.low_epochs >= COLLAPSE

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        vars(self).update(state)
