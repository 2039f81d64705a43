"""Training on images as they are, clean or perturbed beforehand."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.training.job import Job, MethodConfig
from friendfoe.training.objectives import Objective, TrainingBatch, repeatable


class StandardConfig(MethodConfig):
    """Cross-entropy on the images as they are."""

    method: Literal["standard"]

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """The same for all."""
        return cross_entropy


@repeatable
def cross_entropy(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy on the images as they are, and the logits."""
    logits = network(batch.images)
    return F.cross_entropy(logits, batch.labels), logits
