"""JSMA: sets a few pixels, chosen by a saliency map, to their maximum (Papernot et al. 2016, algorithm 2)."""

from typing import Any, Literal, get_args

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

from friendfoe.attacks.config import AttackConfig, Share
from friendfoe.attacks.contract import Model, check_labels, check_norm, check_positive, check_targets, wide
from friendfoe.attacks.losses import rivals
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import white_box

Output = Literal["softmax", "log-softmax", "logits"]


def jsma(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    targets: Tensor | None = None,
    output: Output = "softmax",
    temperature: float = 1.0,
) -> Tensor:
    """Targeted saliency map attack: sets the most salient pair of features to 1 until the target class is predicted.

    With F the model's output, the saliency of a pair is -(sum of dF_t) (sum over j != t of the dF_j), where the first
    factor is above and the second below 0. What F is decides whether defensive distillation seems to help: the softmax
    (the original attack) saturates, the logits and the softmax of logits / temperature do not. The saliency of the
    softmax is F_t^2 times that of its logarithm, so that both choose the same pairs, but the gradient of log F_t never
    underflows. Draws nothing. What is not said here is the contract of `friendfoe.attacks`.

    Args:
        threat: ``l0``; eps is the share of the features (C x H x W) that may change.
        targets: int64 [N], other than the labels; where not given, the likeliest class besides the label.
        output: differentiate the probabilities, their logarithms (the same attack, without underflow), or the logits.
        temperature: of the softmax that is differentiated, 1 in the original attack.

    Returns:
        The images that reached their target, and for other samples the last image within the budget.
    """
    check_labels(images, labels)
    check_positive(temperature=temperature)
    check_norm(threat, "l0")
    if output not in get_args(Output):
        raise ValueError(f"output: must be one of {', '.join(get_args(Output))}, got {output!r}")
    check_targets(images, labels, targets)
    dtype, images, temperature = images.dtype, wide(images.detach()).clone(), float(temperature)
    if not len(images):
        return images.to(dtype)

    def target_output(logits: Tensor, classes: Tensor) -> Tensor:
        values = wide(logits) if output == "logits" else wide(logits) / temperature
        if output != "logits":
            values = values.softmax(1) if output == "softmax" else values.log_softmax(1)
        return values.gather(1, classes.unsqueeze(1)).squeeze(1)

    def other_outputs(logits: Tensor, classes: Tensor) -> Tensor:
        return wide(logits).sum(1) - target_output(logits, classes)

    with white_box(model, dtype, labels=labels, targets=targets) as box:
        if targets is None:
            targets = rivals(box.logits(images), labels)[:, 0]
        rows = torch.arange(len(images), device=images.device)
        budget = int(threat.eps * images[0].numel() + 1e-6)  # 0.1 x 10 features must not become 0
        for _ in range(budget // 2):
            current, classes = images[rows], targets[rows]
            logits, _, gain = box.gradient(current, classes, target_output)
            # probabilities add up to 1: what the target gains is what the others lose
            loss = -box.gradient(current, classes, other_outputs)[2] if output == "logits" else gain
            pairs, salient = best_pair(gain.flatten(1), loss.flatten(1), free=current.flatten(1) < 1)
            going = (salient & (logits.argmax(1) != classes)).nonzero().squeeze(1)
            if not len(going):
                break
            rows = rows[going]
            images[rows] = current[going].flatten(1).scatter(1, pairs[going], 1.0).view_as(current[going])
    return images.to(dtype)


def best_pair(gain: Tensor, loss: Tensor, free: Tensor) -> tuple[Tensor, Tensor]:
    """The pair p, q of free features with the largest (gain_p + gain_q) (loss_p + loss_q), both factors above 0.

    Exact without looking at all pairs: a feature that two others match or exceed in both gain and loss can be left out,
    because one of the two is not its partner and may take its place. So the two outermost Pareto fronts suffice.

    Gain and loss are [N, D], free is bool [N, D]. Gives the pairs int64 [N, 2], and whether there is one, bool [N].
    """
    first = _front(gain, loss, free)
    candidates = first | _front(gain, loss, free & ~first)
    count = max(2, int(candidates.sum(1).max()))
    member, index = candidates.to(torch.int8).topk(count, 1)
    gains, losses = (_scaled(values.gather(1, index)) for values in (gain, loss))
    both = gains.unsqueeze(1) + gains.unsqueeze(2), losses.unsqueeze(1) + losses.unsqueeze(2)
    allowed = (member.unsqueeze(1) * member.unsqueeze(2)).bool().triu(1) & (both[0] > 0) & (both[1] > 0)
    saliency, place = torch.where(allowed, both[0] * both[1], -1.0).flatten(1).max(1)
    pairs = torch.stack([place // count, place % count], 1)
    return index.gather(1, pairs), saliency >= 0


def _scaled(values: Tensor) -> Tensor:
    """Values divided by the largest of each sample, so that products of small gradients do not underflow."""
    return values / values.abs().amax(1, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)


def _front(gain: Tensor, loss: Tensor, among: Tensor) -> Tensor:
    """The features, bool [N, D], that no other of those ``among`` matches or exceeds in both gain and loss."""
    gain, order = torch.where(among, gain, -torch.inf).sort(1, descending=True)
    loss = torch.where(among, loss, -torch.inf).gather(1, order)
    before = torch.cat([torch.full_like(loss[:, :1], -torch.inf), loss.cummax(1).values[:, :-1]], 1)
    return torch.zeros_like(among).scatter(1, order, loss > before)


class JSMAConfig(AttackConfig):
    """JSMA: sets a few pixels to their maximum, chosen by a saliency map, until the likeliest rival class wins."""

    attack: Literal["jsma"]
    function = jsma
    eps: Share = Field(default=112 / 784, description="share of the features that may change")
    output: Output = Field(default="softmax", description="what is differentiated; log-softmax: without underflow")
    temperature: PositiveFloat = Field(default=1.0, description="of the softmax that is differentiated")

    def _arguments(self, images: Tensor, eps: float, early_stop: bool) -> dict[str, Any]:
        return {"threat": Threat("l0", eps)}
