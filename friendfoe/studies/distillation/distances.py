"""The least change that makes a network err, as Carlini & Wagner's L2 attack finds it."""

import torch
from torch import Tensor, nn

from friendfoe.attacks.ball import length
from friendfoe.attacks.cw import cw_l2
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.studies.analysis import Record
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
    network: nn.Module, images: Tensor, labels: Tensor, temperature: float, settings: Distances
) -> list[Record]:
    """Attack the logits divided by the temperature that the network was trained at; images are uint8 [N, C, H, W].

    Returns:
        Per image right (whether it is classified correctly: only then it is attacked) and distance (Euclidean; nan
        where no adversarial image was found).
    """
    device, cooled = next(network.parameters()).device, Cooled(network, temperature)
    pixels, labels = to_float(images.to(device)), labels.to(device)
    right = cooled(pixels).argmax(1) == labels
    anywhere = Threat("l2", pixels.shape[1:].numel() ** 0.5)  # the diagonal of the unit cube
    budget = settings.model_dump(exclude={"images"})
    attacked = cw_l2(cooled, pixels[right], labels[right], threat=anywhere, **budget)
    distance = torch.zeros(len(pixels), device=device)
    distance[right] = length(attacked - pixels[right]).flatten()
    columns = right.tolist(), torch.where(distance > 0, distance, torch.nan).tolist()
    return [{"right": one, "distance": far} for one, far in zip(*columns, strict=True)]
