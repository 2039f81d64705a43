"""Signals and attacks on a model, and what networks answer on them, image by image."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from friendfoe.attacks.craft import crafted
from friendfoe.attacks.fgsm import FGSMConfig
from friendfoe.attacks.threat import Goal
from friendfoe.data.store import Images
from friendfoe.evaluation.outcomes import Key
from friendfoe.models.predict import predict
from friendfoe.studies.assistive.names import OTHERS, SIGNAL_ALONE, SIGNAL_LEFT

GREY = 0.5


def perturbed(
    source: nn.Module, images: Images, labels: Tensor, eps: float, goal: Goal, *, clip: bool, own: bool = False
) -> Tensor:
    """Images uint8 [N, C, H, W] one step of FGSM towards their labels (friend) or away, as floats that are not rounded.

    `own`: away from what the source answers, in place of the labels. Without `clip` pixels may leave [0, 1].
    """
    config = FGSMConfig(attack="fgsm", goal=goal, clip=clip, label="own" if own else "given")
    return torch.cat([pixels for pixels, _ in crafted(config, source, images, labels, eps=eps, seed=0)])


def answers(network: nn.Module, images: Images) -> Tensor:
    """What it answers, int64 [N], on the CPU."""
    return predict(network, images).argmax(1).cpu()


def other_labels(labels: Tensor, classes: int, seed: int) -> Tensor:
    """For each label another one of `classes`, drawn."""
    further = torch.randint(1, classes, labels.shape, generator=torch.Generator().manual_seed(seed))
    return (labels + further) % classes


def explained(
    source: nn.Module,
    networks: Mapping[str, nn.Module],
    images: Images,
    labels: Tensor,
    others: Tensor,
    eps: float,
    *,
    clip: bool,
) -> dict[Key, Tensor]:
    """Whether networks go by the signal or by the image: the article's explanation, put to the test.

    On images with the signal towards another label (`OTHERS`): whether the answer is that one ("follows") or the
    image's own ("keeps"). On the signal alone, that of the image's label on a grey image: whether the answer is that
    label ("accuracy"); as it is computed (`SIGNAL_ALONE`), and what clipping leaves of it (`SIGNAL_LEFT`), which also
    shows where the image is black or white.

    Args:
        source: the model that signals are crafted on.
        networks: those that are asked, by name.
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        others: int64 [N], none the image's label.
        eps: of the signal.
        clip: whether the images with the signal towards another label are clipped to [0, 1].

    Returns:
        bool [N] under every key.
    """
    towards = perturbed(source, images, others, eps, Goal.FRIEND, clip=clip)
    clean = images[torch.arange(len(labels))].to(towards.device).float() / 255
    alone = {
        name: GREY + perturbed(source, images, labels, eps, Goal.FRIEND, clip=clipped) - clean
        for name, clipped in ((SIGNAL_ALONE, False), (SIGNAL_LEFT, True))
    }
    found: dict[Key, Tensor] = {}
    for model, network in networks.items():
        given = answers(network, towards)
        found["follows", model, OTHERS], found["keeps", model, OTHERS] = given == others, given == labels
        found |= {("accuracy", model, name): answers(network, pixels) == labels for name, pixels in alone.items()}
    return found
