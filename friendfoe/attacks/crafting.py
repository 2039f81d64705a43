"""Perturb many images, a batch at a time, as they are crafted and as they are stored."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from friendfoe.attacks.recipes import Recipe
from friendfoe.attacks.run import craft
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.data.store import Images
from friendfoe.runtime import batch_size


def crafted(
    recipe: Recipe, source: nn.Module, images: Images, labels: Tensor, *, eps: float, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of perturbed images: float in [0, 1], and uint8 rounded towards the clean image.

    Args:
        recipe: how to perturb.
        source: the model that the perturbation is crafted on; logits [N, K].
        images: the clean images, uint8 [N, C, H, W].
        labels: int64 [N].
        eps: size of the perturbation, unless the recipe has its own.
        seed: of what the attack draws; with it, an image's perturbation does not depend on the batches.
    """
    device = next(source.parameters()).device
    for samples in torch.split(torch.arange(len(labels)), batch_size(device)):
        clean, of = images[samples].to(device), samples.to(device)
        perturbed = craft(recipe, source, to_float(clean), labels[samples].to(device), eps=eps, seed=seed, samples=of)
        yield perturbed, to_uint8(perturbed, clean)
