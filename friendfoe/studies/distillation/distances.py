"""The least change that makes a network err, as Carlini & Wagner's attacks find it in three norms."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from friendfoe.attacks.cw import cw_l2
from friendfoe.attacks.cw_l0 import cw_l0
from friendfoe.attacks.cw_linf import cw_linf
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.studies.distillation.settings import Distances


class Cooled(nn.Module):
    """A network whose logits are divided by a temperature: the same answers, and a softmax that is not saturated."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, K] / temperature."""
        logits: Tensor = self.network(images) / self.temperature
        return logits


def distances(
    network: nn.Module, images: Tensor, labels: Tensor, temperature: float, settings: Distances, norms: list[str]
) -> dict[str, Tensor]:
    """Attack the logits divided by the temperature that the network was trained at; images are uint8 [N, C, H, W].

    Returns:
        By the name of an attack (of `norms`, such as "cw-l2") the distance of each image [N]: how many pixels change,
        the Euclidean length of the change, or its largest. Infinite where no adversarial image was found; nan where the
        image is misclassified as it is, and is not attacked.
    """
    device, cooled = next(network.parameters()).device, Cooled(network, temperature)
    pixels, labels = to_float(images.to(device)), labels.to(device)
    with torch.no_grad():
        right = cooled(pixels).argmax(1) == labels
    attacks: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "cw-l0": lambda *batch: cw_l0(cooled, *batch, threat=Threat("l0", 1.0), **settings.l0.model_dump()),
        # the diagonal of the unit cube
        "cw-l2": lambda *batch: cw_l2(
            cooled, *batch, threat=Threat("l2", pixels.shape[1:].numel() ** 0.5), **settings.l2.model_dump()
        ),
        "cw-linf": lambda *batch: cw_linf(cooled, *batch, threat=Threat("linf", 1.0), **settings.linf.model_dump()),
    }
    found = {}
    for norm in norms:
        change = attacks[norm](pixels[right], labels[right]) - pixels[right]
        size = sizes(change, norm)
        found[norm] = torch.full((len(pixels),), torch.nan, device=device)
        found[norm][right] = torch.where(size > 0, size, torch.inf)
    return {norm: distance.cpu() for norm, distance in found.items()}


def sizes(change: Tensor, norm: str) -> Tensor:
    """The size [N] of each change [N, C, H, W], in the norm of an attack; a pixel has changed if any channel has."""
    if norm == "cw-l0":
        return (change != 0).any(1).flatten(1).sum(1).to(change)
    flat = change.flatten(1)
    return flat.abs().amax(1) if norm == "cw-linf" else torch.linalg.vector_norm(flat, dim=1)
