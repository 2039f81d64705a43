"""The cost that a network was trained with, as an attack climbs it: each network is attacked through its own."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe.attacks.losses import Loss, log_odds

_LOW = -15.0  # below it softplus(x) is exp(x) in float32


def own_cost(network: nn.Module) -> Loss:
    """Of a network whose classes have a probability each, the sum of their binary losses; else the cross-entropy.

    Both in a form that rises with the cost and does not underflow: its logarithm, and the log-odds.
    """
    return log_binary if getattr(network, "independent", False) else log_odds


def log_binary(logits: Tensor, labels: Tensor) -> Tensor:
    """log(sum over classes of the binary cross-entropies) of log-odds [N, K] and labels int64 [N]; [N]."""
    against = logits.scatter(1, labels.unsqueeze(1), -logits.gather(1, labels.unsqueeze(1)))
    return torch.where(against < _LOW, against, F.softplus(against.clamp_min(_LOW)).log()).logsumexp(1)
