"""Fooling images: noise that a network takes for a class, with great confidence (Nguyen et al. 2015)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Goal, Threat
from friendfoe.models.predict import predict
from friendfoe.studies.analysis import Record
from friendfoe.studies.distillation.settings import Fooling


@dataclass(frozen=True)
class Fooled:
    """Noise before and after."""

    classes: Tensor  # int64 [N], where each was driven to
    images: Tensor  # uint8 [N, C, H, W], as saved
    before: Tensor  # the highest probability of the noise, [N]
    after: Tensor  # the probability of the class, [N]

    def records(self) -> list[Record]:
        """A row per image: class, before and after."""
        rows = zip(self.classes.tolist(), self.before.tolist(), self.after.tolist(), strict=True)
        return [{"class": label, "before": before, "after": after} for label, before, after in rows]


def fool(network: nn.Module, shape: tuple[int, int, int], classes: int, settings: Fooling, seed: int) -> Fooled:
    """Drive uniform noise to every class by signed gradient steps; every pixel may take any value.

    The loss is the log-odds of the class, whose gradient does not vanish where the softmax is saturated.
    """
    device = next(network.parameters()).device
    goals = torch.arange(classes).repeat(settings.images)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(len(goals), *shape, generator=generator).to(device)
    driven = pgd(
        network,
        noise,
        goals.to(device),
        threat=Threat("linf", 1.0),
        goal=Goal.FRIEND,
        steps=settings.steps,
        step_size=settings.step,
        random_start=False,
    )
    saved = (driven * 255).round().to(torch.uint8)
    after = predict(network, saved).cpu().gather(1, goals.unsqueeze(1)).squeeze(1)
    return Fooled(goals, saved.cpu(), predict(network, noise).amax(1).cpu(), after)
