"""The least change that makes a network err, as Carlini & Wagner's attacks find it in three norms."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from friendfoe.attacks.cw import cw_l2
from friendfoe.attacks.cw_l0 import cw_l0
from friendfoe.attacks.cw_linf import cw_linf
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.studies.distillation.settings import Distances, Search


def distances(
    network: nn.Module, images: Tensor, labels: Tensor, temperature: float, settings: Distances, norms: list[str]
) -> dict[str, Tensor]:
    """Attack the logits divided by the temperature that the network was trained at; images are uint8 [N, C, H, W].

    Returns:
        By the name of an attack (of `norms`, such as "cw-l2") the distance of each image [N]: how many pixels change,
        the Euclidean length of the change, or its largest. Infinite where no adversarial image was found; nan where the
        image is misclassified as it is, and is not attacked.
    """
    device = next(network.parameters()).device
    pixels, labels = to_float(images.to(device)), labels.to(device)

    def cooled(images: Tensor) -> Tensor:
        logits: Tensor = network(images) / temperature
        return logits

    with torch.no_grad():
        right = cooled(pixels).argmax(1) == labels
    diagonal = pixels.shape[1:].numel() ** 0.5  # of the unit cube
    attacks: dict[str, tuple[Callable[..., Tensor], Threat, Search]] = {
        "cw-l0": (cw_l0, Threat("l0", 1.0), settings.l0),
        "cw-l2": (cw_l2, Threat("l2", diagonal), settings.l2),
        "cw-linf": (cw_linf, Threat("linf", 1.0), settings.linf),
    }
    found = {}
    for norm in norms:
        attack, threat, budget = attacks[norm]
        moved = attack(cooled, pixels[right], labels[right], threat=threat, **budget.model_dump())
        size = sizes(moved - pixels[right], norm)
        found[norm] = torch.full((len(pixels),), torch.nan, device=device)
        found[norm][right] = torch.where(size > 0, size, torch.inf)
    return {norm: distance.cpu() for norm, distance in found.items()}


def sizes(change: Tensor, norm: str) -> Tensor:
    """The size [N] of each change [N, C, H, W], in the norm of an attack; a pixel has changed if any channel has."""
    if norm == "cw-l0":
        return (change != 0).any(1).flatten(1).sum(1).to(change)
    flat = change.flatten(1)
    return flat.abs().amax(1) if norm == "cw-linf" else torch.linalg.vector_norm(flat, dim=1)
