"""Training on images as they are, clean or perturbed beforehand."""

import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.params import Params
from friendfoe.training.objectives import Batch, Objective


def objective(p: Params, data: str, model: str, replicate: int) -> Objective:
    """Cross-entropy, the same for all."""
    return cross_entropy


def cross_entropy(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy on the images as they are, and the logits."""
    logits = network(batch.images)
    return F.cross_entropy(logits, batch.labels), logits
