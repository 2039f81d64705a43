"""Adversarial training of Goodfellow et al. (2015, section 6), and its controls with random noise."""

from functools import partial
from typing import ClassVar, Literal

import torch.nn.functional as F
from pydantic import Field, SerializeAsAny
from torch import Tensor, nn

from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.craft import craft
from friendfoe.training.job import Job, MethodConfig
from friendfoe.training.objectives import Objective, Perturbation, TrainingBatch, repeatable


class MixedAdversarialConfig(MethodConfig):
    """Cross-entropy on the images and on perturbed ones, made anew at every step."""

    method: Literal["mixed-adversarial"]
    attack: SerializeAsAny[AttackConfig] = Field(description="how they are perturbed")
    alpha: float = Field(
        default=0.5, ge=0, le=1, description="weight of the images as they are; 1 is standard training"
    )
    needs_eps: ClassVar[bool] = True

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """The mixed objective; the attack has the job's eps unless it has its own."""
        assert job.eps is not None
        return mixed(self.alpha, self.attack, job.eps)

    def held_out_attack(self, job: Job, replicate: int) -> Perturbation:
        """What it trains on: the paper stops at the lowest error on adversarial images."""
        assert job.eps is not None
        attack = partial(craft, self.attack, eps=job.eps, seed=job.held_out_seed(replicate))
        return lambda network, images, labels, sample_ids: attack(network, images, labels, sample_ids=sample_ids)


def mixed(alpha: float, attack: AttackConfig, eps: float) -> Objective:
    """alpha J(x) + (1 - alpha) J(x'), where x' is made anew at every step and is a constant for the weights' gradient.

    With alpha 1 nothing is perturbed, and training is standard training to the bit.

    Args:
        alpha: in [0, 1].
        attack: how x' is made from x.
        eps: how large the perturbation is, unless the attack has its own.
    """

    @repeatable
    def loss(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        logits = network(batch.images)
        clean = F.cross_entropy(logits, batch.labels)
        if alpha == 1:
            return clean, logits
        perturb = partial(craft, attack, eps=eps, seed=batch.seed, sample_ids=batch.sample_ids)
        perturbed = perturb(network, batch.images, batch.labels)
        return alpha * clean + (1 - alpha) * F.cross_entropy(network(perturbed), batch.labels), logits

    return loss
