"""Class-calibrated adversarial training (CFA: Wei et al. 2023, arXiv 2303.14460, section 4)."""

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from friendfoe.runtime.strict import Strict


class CalibrationConfig(Strict):
    """Eps and beta of each class times (this + the class's robust training accuracy in the last epoch)."""

    eps: NonNegativeFloat = Field(default=0.5, description="lambda 1 of CFA")
    beta: NonNegativeFloat = Field(default=0.5, description="lambda 2 of CFA; of TRADES and MART alone")
    begin: float = Field(default=0.05, ge=0, lt=1, description="share of the epochs before; a network is weak at first")


class Calibration:
    """What share of eps and beta each class gets: lambda + t, t being its robust training accuracy in the last epoch.

    A class that is learnt well is attacked harder, a weak one less. At first, and in any case in the first epoch, all
    get the whole.

    Args:
        config: the lambdas, and when it begins.
        epochs: of the whole training.
    """

    def __init__(self, config: CalibrationConfig, epochs: int) -> None:
        self._config = config
        self._begin = config.begin * epochs
        self._epoch = 0
        # both stay where they are once they are there, for a graph of operations goes on with their memory
        self._counts = torch.zeros(2, 0, dtype=torch.float64)  # of this epoch, by class: correct, all
        self._accuracy = torch.zeros(0)  # of the last epoch, by class

    def begin(self, epoch: int, device: torch.device) -> bool:
        """Say which epoch the next batches belong to, and where their samples are; whether shares differ in it."""
        self._counts, self._accuracy = self._counts.to(device), self._accuracy.to(device)
        if epoch != self._epoch:
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.all_reduce(self._counts)
            correct, total = self._counts
            accuracy = (correct / total.clamp_min(1)).float()
            self._accuracy = self._accuracy.copy_(accuracy) if self._accuracy.numel() else accuracy
            self._counts.zero_()
            self._epoch = epoch
        return bool(self._accuracy.numel()) and epoch >= self._begin

    def eps(self, labels: Tensor) -> Tensor:
        """Share of eps, [N], for samples of the classes `labels` (int64 [N])."""
        return self._share(self._config.eps, labels)

    def beta(self, labels: Tensor) -> Tensor:
        """Share of beta, likewise."""
        return self._share(self._config.beta, labels)

    def count(self, logits: Tensor, labels: Tensor) -> None:
        """Take the answers on adversarial images into account: logits [N, K] and labels int64 [N]."""
        if not self._counts.numel():
            self._counts = torch.zeros(2, logits.shape[1], dtype=torch.float64, device=labels.device)
        correct = logits.argmax(1) == labels
        self._counts.index_add_(1, labels, torch.stack([correct, torch.ones_like(correct)]).double())

    def _share(self, least: float, labels: Tensor) -> Tensor:
        if not self._accuracy.numel() or self._epoch < self._begin:
            return torch.ones(len(labels), device=labels.device)
        return least + self._accuracy[labels]

    def state_dict(self) -> dict[str, Tensor | int]:
        """All that a resumed run needs."""
        return {"epoch": self._epoch, "counts": self._counts.clone(), "accuracy": self._accuracy.clone()}

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        """Take up what `state_dict` gave."""
        self._epoch = int(state["epoch"])
        self._counts, self._accuracy = (torch.as_tensor(state[name]).clone() for name in ("counts", "accuracy"))
