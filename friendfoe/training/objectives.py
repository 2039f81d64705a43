"""What a training step minimises: what the training loop and the methods of training agree on."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from friendfoe.runtime.draws import Seed


@dataclass(frozen=True)
class TrainingBatch:
    """One step's images and what an objective may need to know of them."""

    images: Tensor  # float [N, C, H, W] in [0, 1]
    labels: Tensor  # int64 [N]
    sample_ids: Tensor  # int64 [N]: the identity of each image, for noise that does not depend on the batch
    seed: Seed  # of this step; int64 [] where the step is repeated as a CUDA graph
    epoch: int = 0


Perturbation = Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]
"""(network, images [N, C, H, W] in [0, 1], labels [N], sample_ids [N]) -> images: an attack, or none."""


class Objective(Protocol):
    """A loss to minimise, and the logits by which the training accuracy is counted."""

    def __call__(self, network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        """Mean loss (a scalar with a gradient) and logits [N, K]."""
        ...


@runtime_checkable
class Repeatable(Protocol):
    """An objective whose steps do the same operations on the same memory, while they are of one phase.

    It decides nothing by values, and what it remembers it writes into tensors that stay.
    """

    def phase(self, epoch: int, device: torch.device) -> Hashable:
        """Of the training, which this epoch belongs to."""
        ...


O = TypeVar("O", bound=Objective)  # noqa: E741


def repeatable(objective: O) -> O:
    """A function that remembers nothing and decides nothing by values, as a `Repeatable` objective."""
    objective.phase = lambda epoch, device: True  # type: ignore[attr-defined]
    return objective


@runtime_checkable
class Stateful(Protocol):
    """What a checkpoint keeps: networks, optimisers, and objectives that remember something."""

    def state_dict(self) -> dict[str, Any]:
        """The state: tensors, numbers, and containers of them."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Take up a state."""
        ...
