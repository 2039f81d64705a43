"""A probability per class, each trained on its own."""

from collections.abc import Mapping
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.training.job import Job, MethodConfig
from friendfoe.training.objectives import Objective, TrainingBatch, repeatable


class BinaryConfig(MethodConfig):
    """A binary cross-entropy per class, for networks whose classes have probabilities of their own."""

    method: Literal["binary"]

    def check(self, job: Job, jobs: Mapping[str, Job]) -> None:
        """Refuse a network whose classes share their probabilities."""
        if not job.network.independent:
            raise ValueError(
                "method 'binary' needs a network with a probability per class (kind rbf, or maxout with output: "
                f"sigmoids), and {job.network.describe()} is none"
            )

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """The same for all."""
        return binary


@repeatable
def binary(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
    """The binary cross-entropies summed over the classes, mean over the images; and the logits."""
    logits = network(batch.images)
    truth = F.one_hot(batch.labels, logits.shape[1]).to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, truth, reduction="sum") / len(logits)
    return loss, logits
