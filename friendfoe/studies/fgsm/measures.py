"""What is measured of networks under FGSM, as rows of one long table: model, condition, metric and value."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from friendfoe.attacks.fgsm import fgsm
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.data.store import Images
from friendfoe.evaluation.intervals import wilson
from friendfoe.models.predict import predict
from friendfoe.runtime import batch_size

Measurement = tuple[str, str, str, float]
"""Model, condition, metric, value."""


def direction(network: nn.Module, images: Images, labels: Tensor) -> Tensor:
    """The sign of the loss's gradient for each pixel, int8 [N, C, H, W] on the CPU: FGSM with eps 1, less the image."""
    device = next(network.parameters()).device
    parts = []
    for rows in torch.split(torch.arange(len(labels)), batch_size(device)):
        pixels = to_float(images[rows].to(device))
        moved = fgsm(network, pixels, labels[rows].to(device), threat=Threat("linf", 1.0), clip=False)
        parts.append((moved - pixels).round().to(torch.int8).cpu())
    return torch.cat(parts)


def shifted(images: Images, signs: Tensor, eps: float, *, clip: bool = False) -> Tensor:
    """x + eps * sign, float32 [N, C, H, W] on the CPU."""
    moved = to_float(images[torch.arange(len(signs))]).add_(signs, alpha=eps)
    return moved.clamp_(0, 1) if clip else moved


def answers(network: nn.Module, images: Images) -> tuple[Tensor, Tensor]:
    """Confidence float32 [N] and class int64 [N] of the network's answers, on the CPU."""
    confidence, classes = predict(network, images).cpu().max(1)
    return confidence, classes


def counted(confidence: Tensor, classes: Tensor, labels: Tensor) -> dict[str, float]:
    """Error, mean confidence, and mean confidence of the wrong answers (nan where there is none)."""
    wrong = classes != labels
    return {
        "error": wrong.double().mean().item(),
        "confidence": confidence.double().mean().item(),
        "confidence-wrong": confidence[wrong].double().mean().item(),
    }


def named(model: str, condition: str, values: Mapping[str, float]) -> list[Measurement]:
    """Metrics as measurements."""
    return [(model, condition, metric, value) for metric, value in values.items()]


def by_eps(
    network: nn.Module, images: Images, labels: Tensor, signs: Tensor, sizes: Sequence[float]
) -> list[dict[str, float]]:
    """A row per eps in `sizes`: eps, error, confidence, confidence-wrong. Nothing is clipped."""
    return [{"eps": eps, **counted(*answers(network, shifted(images, signs, eps)), labels)} for eps in sizes]


def own(name: str, network: nn.Module, images: Images, labels: Tensor, signs: Tensor, eps: float) -> list[Measurement]:
    """The network on clean images, under its own FGSM, and the same clipped to [0, 1] and rounded to 8 bits."""
    clean = counted(*answers(network, images), labels)
    low, high = wilson(clean["error"] * len(labels), len(labels))
    clipped = shifted(images, signs, eps, clip=True)
    stored = to_uint8(clipped, images[torch.arange(len(labels))])
    return [
        *named(name, "clean", {**clean, "margin": float(high - low) / 2}),
        *named(name, "fgsm", counted(*answers(network, shifted(images, signs, eps)), labels)),
        *named(name, "fgsm-clipped", counted(*answers(network, clipped), labels)),
        *named(name, "fgsm-stored", counted(*answers(network, stored), labels)),
    ]


def transfer(
    networks: Mapping[str, nn.Module], images: Images, labels: Tensor, signs: Mapping[str, Tensor], eps: float
) -> list[Measurement]:
    """Every network on the images of every source (by `direction` of its loss); how often two agree on a wrong class.

    Returns:
        Condition `on-SOURCE` with the metrics of `counted`; and of each target that is not the source itself, how far
        it agrees with the source on the classes that this answers wrongly (`agreement`).
    """
    measurements: list[Measurement] = []
    for source, signs_of_source in signs.items():
        perturbed = shifted(images, signs_of_source, eps)
        by_target = {name: answers(network, perturbed) for name, network in networks.items()}
        for name, (confidence, classes) in by_target.items():
            measurements += named(name, f"on-{source}", counted(confidence, classes, labels))
        for name, (_, classes) in by_target.items():
            if source in by_target and name != source:
                measurements += named(name, f"on-{source}", agreement(by_target[source][1], classes, labels))
    return measurements


def agreement(first: Tensor, second: Tensor, labels: Tensor) -> dict[str, float]:
    """How often `second` answers the class that `first` mistakes an image for; all int64 [N].

    Returns:
        agreement: over all mistakes of `first`.
        agreement-wrong: over those images that both answer wrongly.
        chance: what `agreement-wrong` would be if the two chose their wrong classes independently of one another, each
            as often as it does for images of that label; nan, as the others, where there is no such image.
    """
    mistaken = first != labels
    both = mistaken & (second != labels)
    expected = torch.zeros((), dtype=torch.float64)
    for label in set(labels[both].tolist()):
        here = both & (labels == label)
        k = int(torch.maximum(first.max(), second.max())) + 1
        shares = [torch.bincount(classes[here], minlength=k).double() / here.sum() for classes in (first, second)]
        expected += here.sum() * (shares[0] * shares[1]).sum()
    same = first == second
    return {
        "agreement": same[mistaken].double().mean().item(),
        "agreement-wrong": same[both].double().mean().item(),
        "chance": (expected / both.sum()).item(),
    }
