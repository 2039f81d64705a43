"""A probability per class, each trained on its own."""

import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe import params
from friendfoe.models.recipes import independent
from friendfoe.runtime.errors import UserError
from friendfoe.training.objectives import Batch, Objective


def objective(p: params.Params, data: str, model: str, replicate: int) -> Objective:
    """Binary cross-entropy, the same for all.

    Raises:
        UserError: the network's classes have no probabilities of their own.
    """
    network = params.network(p, data, model)
    if not independent(network):
        raise UserError(
            f"params.yaml: models.{model}: method 'binary' needs a network with a probability per class (kind rbf, "
            f"or maxout with output: sigmoids), and '{network.kind}' is none"
        )
    return binary


def binary(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """The binary cross-entropies summed over the classes, mean over the images; and the logits."""
    logits = network(batch.images)
    truth = F.one_hot(batch.labels, logits.shape[1]).to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, truth, reduction="sum") / len(logits)
    return loss, logits
