"""Fooling images: noise that a network takes for a class, with great confidence (Nguyen et al. 2015)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Goal, Threat
from friendfoe.models.predict import predict
from friendfoe.studies.distillation.settings import Fooling


@dataclass(frozen=True)
class Fooled:
    """Noise before and after.

    Attributes:
        classes: int64 [N], where each was driven to.
        images: uint8 [N, C, H, W], as saved.
        before: the highest probability of the noise, [N].
        after: the probability of the class, [N].
    """

    classes: Tensor
    images: Tensor
    before: Tensor
    after: Tensor


def fool(network: nn.Module, shape: tuple[int, int, int], classes: int, settings: Fooling, seed: int) -> Fooled:
    """Drive uniform noise to every class by signed gradient steps; every pixel may take any value.

    The loss is the log-odds of the class, whose gradient does not vanish where the softmax is saturated.
    """
    device = next(network.parameters()).device
    wanted = torch.arange(classes).repeat(settings.images)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(len(wanted), *shape, generator=generator).to(device)
    driven = pgd(
        network,
        noise,
        wanted.to(device),
        threat=Threat("linf", 1.0),
        goal=Goal.FRIEND,
        steps=settings.steps,
        step_size=settings.step,
        random_start=False,
    )
    saved = (driven * 255).round().to(torch.uint8)
    after = predict(network, saved).cpu().gather(1, wanted.unsqueeze(1)).squeeze(1)
    return Fooled(wanted, saved.cpu(), predict(network, noise).amax(1).cpu(), after)
