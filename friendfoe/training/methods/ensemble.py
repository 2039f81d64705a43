"""The members of an ensemble, trained side by side and independently.

They see the same batches and differ in their first weights and in what dropout drops. In a loop: stacked weights
(`torch.func.stack_module_state`) were slower on a CPU.
"""

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.models.networks.ensemble import EnsembleConfig, members
from friendfoe.training.job import Job, MethodConfig
from friendfoe.training.objectives import Objective, TrainingBatch, repeatable


class EnsembleTrainingConfig(MethodConfig):
    """The members of an ensemble side by side, each with a loss of its own."""

    method: Literal["ensemble"]

    def check(self, job: Job, jobs: Mapping[str, Job]) -> None:
        """Refuse a network that is no ensemble."""
        if not isinstance(job.network, EnsembleConfig):
            raise ValueError(f"method 'ensemble' needs an ensemble, not {job.network.describe()}")

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """The same for all."""
        return side_by_side


@repeatable
def side_by_side(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
    """The sum of the members' cross-entropies, so that each is trained as if it were alone; and their mean logits."""
    answers = [member(batch.images) for member in members(network)]
    losses = [F.cross_entropy(logits, batch.labels) for logits in answers]
    return torch.stack(losses).sum(), torch.stack([logits.detach() for logits in answers]).mean(0)
