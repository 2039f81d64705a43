"""What is measured, as rows of one long table: model, condition, metric and value."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from friendfoe.attacks.fgsm import fgsm
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Images
from friendfoe.models.predict import predict
from friendfoe.runtime import batch_size

Measure = tuple[str, str, str, float]
"""Model, condition, metric, value."""


def direction(network: nn.Module, images: Images, labels: Tensor) -> Tensor:
    """The sign of the loss's gradient for each pixel, int8 [N, C, H, W] on the CPU: FGSM with eps 1, less the image.

    Args:
        network: gives logits [N, K].
        images: uint8 [N, C, H, W].
        labels: int64 [N].
    """
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


def named(model: str, condition: str, values: Mapping[str, float]) -> Iterable[Measure]:
    """Metrics as measures."""
    return [(model, condition, metric, value) for metric, value in values.items()]
