"""What is measured of networks under FGSM: image by image, so that what comes of it knows how few the images are."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from friendfoe.attacks.fgsm import fgsm
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.data.store import Images
from friendfoe.evaluation.outcomes import Key
from friendfoe.models.predict import predict
from friendfoe.runtime import batch_size
from friendfoe.studies.fgsm.cost import own_cost
from friendfoe.studies.fgsm.names import at

Measured = dict[Key, Tensor]
"""By metric, model and condition a value per image, [N]; nan: not asked of this image."""
Numbers = dict[Key, float]
"""By the same: what no image determines, such as a property of the weights."""


def direction(network: nn.Module, images: Images, labels: Tensor) -> Tensor:
    """The sign of the gradient of the network's own cost for each pixel, int8 [N, C, H, W] on the CPU."""
    device, cost = next(network.parameters()).device, own_cost(network)
    parts = []
    for rows in torch.split(torch.arange(len(labels)), batch_size(device, images.shape)):
        pixels = to_float(images[rows].to(device))
        moved = fgsm(network, pixels, labels[rows].to(device), threat=Threat("linf", 1.0), loss=cost, clip=False)
        parts.append((moved - pixels).round().to(torch.int8).cpu())
    return torch.cat(parts)


def shifted(images: Images, signs: Tensor, eps: float, *, clip: bool = False) -> Tensor:
    """x + eps * sign, float32 [N, C, H, W] on the CPU."""
    moved = to_float(images[torch.arange(len(signs))]).add_(signs, alpha=eps)
    return moved.clamp_(0, 1) if clip else moved


def stored(images: Images, signs: Tensor, eps: float) -> Tensor:
    """The same as a file with 8 bits holds it: clipped and rounded, uint8 [N, C, H, W]."""
    return to_uint8(shifted(images, signs, eps, clip=True), images[torch.arange(len(signs))])


def answers(network: nn.Module, images: Images) -> tuple[Tensor, Tensor]:
    """Confidence float32 [N] and class int64 [N] of the network's answers, on the CPU."""
    confidence, classes = predict(network, images).cpu().max(1)
    return confidence, classes


def counted(confidence: Tensor, classes: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Error (0 or 1), confidence, and confidence where the answer is wrong; each [N]."""
    wrong = classes != labels
    return {"error": wrong.float(), "confidence": confidence, "confidence-wrong": _only(wrong, confidence)}


def named(model: str, condition: str, values: Mapping[str, Tensor]) -> Measured:
    """Metrics of a model under a condition, by their keys."""
    return {(metric, model, condition): value for metric, value in values.items()}


def by_eps(
    name: str, network: nn.Module, images: Images, labels: Tensor, signs: Tensor, eps: float, shares: Sequence[float]
) -> Measured:
    """`counted` under FGSM with each share of eps, unclipped."""
    measured: Measured = {}
    for share in shares:
        moved = shifted(images, signs, share * eps)
        measured |= named(name, at("fgsm", share), counted(*answers(network, moved), labels))
    return measured


def own(name: str, network: nn.Module, images: Images, labels: Tensor, signs: Tensor, eps: float) -> Measured:
    """The network on clean images, under its own FGSM, and the same clipped to [0, 1] and rounded to 8 bits."""
    shown = {
        "clean": images,
        "fgsm": shifted(images, signs, eps),
        "fgsm-clipped": shifted(images, signs, eps, clip=True),
        "fgsm-stored": stored(images, signs, eps),
    }
    measured: Measured = {}
    for condition, pixels in shown.items():
        measured |= named(name, condition, counted(*answers(network, pixels), labels))
    return measured


def transfer(
    networks: Mapping[str, nn.Module], images: Images, labels: Tensor, signs: Mapping[str, Tensor], eps: float
) -> Measured:
    """Every network on the images of every source (by `direction` of its cost); how often two agree on a wrong class.

    Returns:
        Condition `on-SOURCE` with the metrics of `counted`; and of each target that is not the source itself, how far
        it agrees with the source on the classes that this answers wrongly (`agreement`).
    """
    measured: Measured = {}
    for source, signs_of_source in signs.items():
        perturbed = shifted(images, signs_of_source, eps)
        by_target = {name: answers(network, perturbed) for name, network in networks.items()}
        for name, (confidence, classes) in by_target.items():
            measured |= named(name, f"on-{source}", counted(confidence, classes, labels))
        for name, (_, classes) in by_target.items():
            if source in by_target and name != source:
                measured |= named(name, f"on-{source}", agreement(by_target[source][1], classes, labels))
    return measured


def agreement(first: Tensor, second: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Where `second` answers the class that `first` mistakes an image for; all int64 [N].

    Returns:
        agreement: 0 or 1 for the mistakes of `first`.
        agreement-wrong: the same for those images that both answer wrongly.
        chance: for the same images what it would be if the two chose their wrong classes independently of one another,
            each as often as it does for images of that label.
    """
    mistaken = first != labels
    both = mistaken & (second != labels)
    same = (first == second).float()
    chance = torch.full_like(same, torch.nan)
    for label in set(labels[both].tolist()):
        here = both & (labels == label)
        k = int(torch.maximum(first.max(), second.max())) + 1
        shares = [torch.bincount(classes[here], minlength=k) / here.sum() for classes in (first, second)]
        chance[here] = (shares[0] * shares[1]).sum()
    return {"agreement": _only(mistaken, same), "agreement-wrong": _only(both, same), "chance": chance}


def _only(asked: Tensor, values: Tensor) -> Tensor:
    """The values [N] where they are asked for, elsewhere nan."""
    return torch.where(asked, values, torch.nan)
