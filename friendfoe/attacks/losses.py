"""The losses that attacks climb: each takes logits [N, K] and labels, and gives one number per sample [N].

Only two things of a loss matter to an attack: the direction of its gradient and the order of its values. High means bad
for the label. ``labels`` are int64 [N] class indices unless a loss says otherwise. All compute in at least float32, so
they are safe under autocast.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from friendfoe.attacks.contract import check_positive, wide

Loss = Callable[[Tensor, Tensor], Tensor]


def log_odds(logits: Tensor, labels: Tensor) -> Tensor:
    """The log-odds against the label, log((1 - p_y) / p_y): cross-entropy for an attacker who must not lose its sign.

    Cross-entropy is ``softplus(log_odds)``, a monotone function of it, so that both have the same best image and the
    same direction of ascent. But the gradient of cross-entropy carries the factor 1 - p_y, which underflows for
    confident samples and makes the sign of the gradient zero: an apparent robustness that is none.
    """
    return log_odds_at(1.0)(logits, labels)


def log_odds_at(temperature: float) -> Loss:
    """Log-odds against the label for ``softmax(logits / temperature)``; at temperature 1 exactly `log_odds`.

    As the temperature, which must be above 0, goes to 0 it tends to the margin loss, for a high one to the mean of all
    rivals.
    """
    check_positive(temperature=temperature)
    temperature = float(temperature)

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        logits = wide(logits) if temperature == 1 else wide(logits) / temperature
        true, others = _split(logits, labels)
        return others.logsumexp(1) - true

    return loss


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p_y, accurate where p_y is close to 1. ``labels`` may also be probabilities [N, K] (soft labels)."""
    if labels.is_floating_point():
        return -(labels * F.log_softmax(wide(logits), 1)).sum(1)
    return F.softplus(log_odds(logits, labels))


def softmax_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p_y by way of the probabilities, as an attack on a softmax sees it: no gradient where p_y is 1."""
    logits = wide(logits)
    return -logits.softmax(1).gather(1, labels.unsqueeze(1)).squeeze(1).clamp_min(torch.finfo(logits.dtype).tiny).log()


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """max over k != y of z_k, minus z_y: above 0 exactly where the model errs (Carlini & Wagner 2017, f_6)."""
    true, others = _split(wide(logits), labels)
    return others.amax(1) - true


def log_odds_towards(logits: Tensor, labels: Tensor) -> Tensor:
    """Log-odds in favour of a target; ``labels`` int64 [N, 2] are pairs of label and target."""
    return -log_odds(logits, labels[:, 1])


def dlr_towards(logits: Tensor, labels: Tensor) -> Tensor:
    """Targeted DLR, -(z_y - z_t) / (z_1st - (z_3rd + z_4th) / 2).

    ``labels`` int64 [N, 2] are pairs of label and target (Croce & Hein 2020, eq. 7). Needs 4 classes.
    """
    logits = wide(logits)
    if logits.shape[1] < 4:
        raise ValueError(f"loss: targeted dlr needs at least 4 classes, the model has {logits.shape[1]}")
    true, target = logits.gather(1, labels).unbind(1)
    top = logits.topk(4, 1).values
    return (target - true) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2).clamp_min(1e-12)


def kl(logits: Tensor, labels: Tensor) -> Tensor:
    """KL(labels || softmax(logits)) for probabilities ``labels`` [N, K]; of clean predictions: TRADES."""
    return F.kl_div(F.log_softmax(wide(logits), 1), labels, reduction="none").sum(1)


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Difference of logits ratio, -(z_y - max over k != y of z_k) / (z_1st - z_3rd) (Croce & Hein 2020, eq. 6).

    It does not change when logits are scaled or shifted. Needs 3 classes.
    """
    logits = wide(logits)
    if logits.shape[1] < 3:
        raise ValueError(f"loss: dlr needs at least 3 classes, the model has {logits.shape[1]}")
    top = logits.topk(3, 1).values
    return margin(logits, labels) / (top[:, 0] - top[:, 2]).clamp_min(1e-12)


def rivals(logits: Tensor, labels: Tensor) -> Tensor:
    """The classes besides the label, int64 [N, K - 1], likeliest first."""
    return logits.scatter(1, labels.unsqueeze(1), -torch.inf).argsort(1, descending=True)[:, :-1]


def _split(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The label's logit [N], and all logits [N, K] with minus infinity in its place."""
    if labels.dim() != 1:
        raise ValueError("labels: this loss needs class indices, not probabilities")
    column = labels.unsqueeze(1)
    return logits.gather(1, column).squeeze(1), logits.scatter(1, column, -torch.inf)
