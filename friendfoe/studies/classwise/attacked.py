"""What networks answer under the study's PGD, image by image."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.craft import crafted
from friendfoe.data.store import Images
from friendfoe.models.predict import predict
from friendfoe.studies.classwise.names import ATTACK
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.inputs import Inputs


@dataclass(frozen=True)
class Answers:
    """What a network takes images for, int64 [N]: as they are, and attacked."""

    clean: Tensor
    attacked: Tensor


def answers(
    study: Inputs[Settings], network: nn.Module, images: Images, labels: Tensor, replicate: int, condition: str = ATTACK
) -> Answers:
    """What a replicate's network answers on uint8 images [N, C, H, W], as they are and attacked.

    They are attacked as the evaluation of the study does it; on all test images that gives the same images.
    """
    assert study.job.attacks
    under = attacked(study, study.job.attacks[condition], network, images, labels, replicate)
    return Answers(predict(network, images).argmax(1).cpu(), under)


def attacked(
    study: Inputs[Settings], attack: AttackConfig, network: nn.Module, images: Images, labels: Tensor, replicate: int
) -> Tensor:
    """What a replicate's network answers on images [N, C, H, W] under any attack, int64 [N]."""
    seed = runtime.crafting_seed(study.job.seed, study.data, replicate)
    batches = crafted(attack, network, images, labels, eps=study.job.eps, seed=seed)
    return torch.cat([labels[:0], *(predict(network, perturbed).argmax(1).cpu() for perturbed, _ in batches)])


def confusion(labels: Tensor, answered: Tensor, classes: int) -> Tensor:
    """How many images of class i (rows) are taken for class j (columns), int64 [K, K]."""
    return torch.bincount(labels * classes + answered, minlength=classes * classes).view(classes, classes)
