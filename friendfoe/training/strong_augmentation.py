"""AutoAugment, RandAugment and AugMix: policies and operations are torchvision's; each image draws its own.

What is drawn stays on the device of the images, so that a whole batch goes through without the host knowing it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import torch
from torch import Tensor

from friendfoe.runtime.draws import Seed, uniform
from friendfoe.training.image_operations import apply
from friendfoe.training.job import Augmentation

_LARGE = 64  # pixels; from here on AutoAugment follows the policy that was found on ImageNet, below that on CIFAR-10


@dataclass(frozen=True)
class _Choices:
    """What an image may draw, as tables on its device; names are torchvision's."""

    names: list[str]  # of the operations
    operations: Tensor  # int64 [choices, places]: which, of the names
    probabilities: Tensor  # float64, likewise: that it is done
    strengths: Tensor  # float64, likewise [..., how many]
    signed: Tensor  # bool, likewise: whether half of the strengths are negative

    def drawn(self, draws: Tensor, place: int) -> tuple[Tensor, Tensor]:
        """Operations int64 [N], -1 for none, and strengths float64 [N].

        Of the draws, float64 [4, N] in [0, 1): which choice, whether it is done, the sign, and how strong.
        """
        which, done, sign, strength = draws
        choice = _index(which, len(self.operations))
        strengths = self.strengths[choice, place, _index(strength, self.strengths.shape[-1])]
        strengths = torch.where(self.signed[choice, place] & (sign < 0.5), -strengths, strengths)
        is_done = done < self.probabilities[choice, place]
        return torch.where(is_done, self.operations[choice, place], -1), strengths


def strongly(kind: Augmentation, images: Tensor, sample_ids: Tensor, seed: Seed) -> Tensor:
    """Arguments and result as of `augmentation.augmented`."""
    levels = (images * 255).round().to(torch.uint8)
    choices = _choices(kind, *levels.shape[-2:], levels.device)
    changed = (_augmix if kind == "augmix" else _in_two_places)(levels, choices, sample_ids, seed)
    return changed.to(images) / 255


def _in_two_places(levels: Tensor, choices: _Choices, sample_ids: Tensor, seed: Seed) -> Tensor:
    """Each image draws a policy, whether its two operations are done, and their signs."""
    policy, *rest = uniform(seed, sample_ids, 5, stream=1).double().unbind(1)
    for place in range(2):
        chosen, strengths = choices.drawn(torch.stack([policy, rest[place], rest[2 + place], policy]), place)
        levels = apply(levels, choices.names, chosen, strengths, "nearest")
    return levels


def _augmix(levels: Tensor, choices: _Choices, sample_ids: Tensor, seed: Seed) -> Tensor:
    """AugMix (Hendrycks et al. 2020): the image mixed with what three chains of one to three operations make of it.

    The weights are of Dirichlet distributions whose parameters are 1, as the gaps between uniform numbers are.
    """
    width, depth, count = 3, 3, len(levels)
    draws = uniform(seed, sample_ids, 3 + width * (1 + 3 * depth), stream=1).double()
    kept, first, second = draws[:, :3].unbind(1)
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    weights = (torch.stack([low, high - low, 1 - high]) * (1 - kept)).float()
    length, *steps = draws[:, 3:].view(count, width, -1).transpose(0, 1).reshape(width * count, -1).unbind(1)
    chains = levels.repeat(width, 1, 1, 1)
    for place in range(depth):
        which, sign, strength = steps[3 * place : 3 * place + 3]
        chosen, strengths = choices.drawn(torch.stack([which, which, sign, strength]), 0)
        chosen = chosen.masked_fill(_index(length, depth) < place, -1)  # its chain has ended
        chains = apply(chains, choices.names, chosen, strengths, "bilinear")
    mixed = kept.float().view(-1, 1, 1, 1) * levels
    for weight, chain in zip(weights, torch.split(chains, count), strict=True):
        mixed += weight.view(-1, 1, 1, 1) * chain
    return mixed.to(torch.uint8)


def _index(draws: Tensor, count: int) -> Tensor:
    """Whole numbers from 0 to `count` - 1, each as often."""
    return (draws * count).long()


@cache
def _choices(kind: Augmentation, height: int, width: int, device: torch.device) -> _Choices:
    """AutoAugment's policies, RandAugment's pairs of operations, or AugMix's operations."""
    transform, policies, bins = _policies(kind, min(height, width))
    space = transform._AUGMENTATION_SPACE
    names = [name for name in space if any(name == operation for policy in policies for operation, _, _ in policy)]

    def table(of: Callable[[str, float, list[int]], Any], dtype: torch.dtype) -> Tensor:
        return torch.tensor([[of(*operation) for operation in policy] for policy in policies], dtype=dtype).to(device)

    def strengths(name: str, probability: float, places: list[int]) -> list[float]:
        magnitudes = space[name][0](bins, height, width)
        return [0.0 if magnitudes is None else float(magnitudes[place]) for place in places]

    return _Choices(
        names,
        table(lambda name, *_: names.index(name), torch.int64),
        table(lambda name, probability, places: probability, torch.float64),
        table(strengths, torch.float64),
        table(lambda name, *_: space[name][1], torch.bool),
    )


def _policies(kind: Augmentation, side: int) -> tuple[Any, list[Any], int]:
    """torchvision's transform, its policies, and the number of strengths.

    A policy is a sequence of operations: name, probability, and the places of the strengths of which one is drawn.
    """
    v2 = transforms()
    if kind == "autoaugment":  # Cubuk et al. 2019
        policy = v2.AutoAugmentPolicy
        transform = v2.AutoAugment(policy.IMAGENET if side >= _LARGE else policy.CIFAR10)
        return transform, [[(n, p, [s or 0]) for n, p, s in pair] for pair in transform._policies], 10
    transform = v2.RandAugment() if kind == "randaugment" else v2.AugMix()
    if kind == "randaugment":  # Cubuk et al. 2020
        operations = [(name, 1.0, [transform.magnitude]) for name in transform._AUGMENTATION_SPACE]
        return transform, list(product(operations, repeat=2)), transform.num_magnitude_bins
    places = list(range(transform.severity))
    return transform, [[(name, 1.0, places)] for name in transform._AUGMENTATION_SPACE], transform._PARAMETER_MAX


def transforms() -> Any:
    """torchvision's module of them, which takes 1.6 s to import."""
    import torchvision.transforms.v2

    return torchvision.transforms.v2  # untyped: it does not say what it exports
