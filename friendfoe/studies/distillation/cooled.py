"""A network at a temperature."""

from torch import Tensor, nn


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
