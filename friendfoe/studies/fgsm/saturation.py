"""How much of their time units that can saturate spend where they do not."""

import torch
from torch import Tensor, nn

from friendfoe.data.store import Images
from friendfoe.models.predict import logits
from friendfoe.runtime import batch_size


def unsaturated(network: nn.Module, images: Images) -> Tensor:
    """Share of the sigmoid and tanh units whose slope is at least half of its highest, per image (uint8); [N]."""
    slopes: list[Tensor] = []

    def watch(unit: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        slope = 4 * output * (1 - output) if isinstance(unit, nn.Sigmoid) else 1 - output.square()
        slopes.append((slope >= 0.5).float().cpu())

    shares = []
    hooks = [unit.register_forward_hook(watch) for unit in network.modules() if isinstance(unit, nn.Sigmoid | nn.Tanh)]
    try:
        size = batch_size(next(network.parameters()).device, images.shape)
        for rows in torch.split(torch.arange(images.shape[0]), size):
            slopes.clear()
            logits(network, images[rows])
            shares.append(torch.cat([part.flatten(1) for part in slopes], 1).mean(1))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(shares)
