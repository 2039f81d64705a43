"""The losses of adversarial training with two terms: TRADES and MART, per sample."""

import torch
import torch.nn.functional as F
from torch import Tensor

_ROUNDING = 1e-4  # of probabilities: keeps the logarithm finite where a rival has them all, as in MART's own code


def trades(clean: Tensor, adversarial: Tensor, labels: Tensor, beta: Tensor) -> Tensor:
    """CE(p(x), y) + beta KL(p(x) || p(x')), [N] (Zhang et al. 2019, equation 5).

    Args:
        clean: logits [N, K] of the images.
        adversarial: logits [N, K] of the attacked images.
        labels: int64 [N].
        beta: [N], the weight of the robust term.
    """
    clean, adversarial = _precise(clean), _precise(adversarial)
    return F.cross_entropy(clean, labels, reduction="none") + beta * divergence(clean, adversarial)


def mart(clean: Tensor, adversarial: Tensor, labels: Tensor, beta: Tensor) -> Tensor:
    """BCE(p(x'), y) + beta KL(p(x) || p(x')) (1 - p_y(x)), [N] (Wang et al. 2020, equation 10).

    BCE is -log p_y(x') - log(1 - the highest p_k(x') of a rival). Arguments as in :func:`trades`.
    """
    clean, adversarial = _precise(clean), _precise(adversarial)
    column = labels.unsqueeze(1)
    rival = adversarial.softmax(1).scatter(1, column, -1.0).amax(1)
    boosted = F.cross_entropy(adversarial, labels, reduction="none") - (1 + _ROUNDING - rival).log()
    unsure = 1 - clean.softmax(1).gather(1, column).squeeze(1)
    return boosted + beta * divergence(clean, adversarial) * unsure


def divergence(clean: Tensor, adversarial: Tensor) -> Tensor:
    """KL(p(x) || p(x')), [N], of two sets of logits [N, K]."""
    return F.kl_div(adversarial.log_softmax(1), clean.log_softmax(1), reduction="none", log_target=True).sum(1)


def _precise(logits: Tensor) -> Tensor:
    """In float32 at least: in bfloat16, 1 minus a probability near 1 is 0, and its logarithm infinite."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
