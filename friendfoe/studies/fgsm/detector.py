"""A network that is to tell adversarial images from clean ones, and an attack that knows of it."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from friendfoe.attacks.losses import log_odds
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Split
from friendfoe.runtime import device
from friendfoe.studies.fgsm.measures import Measured, answers, counted, direction, named, stored
from friendfoe.training.job import Job
from friendfoe.training.replicate import train_replicate

CLEAN, ADVERSARIAL = 0, 1


def detector(job: Job, classifier: nn.Module, train: Split, number: int, eps: float) -> nn.Module:
    """Replicate `number` of a detector, trained by the recipe of `job` on clean images and as many of the classifier's.

    Its class 0 is clean, 1 adversarial: FGSM on the classifier, as images with 8 bits hold it.
    """
    everything = torch.arange(len(train))
    attacked = stored(train.images, direction(classifier, train.images, train.labels), eps)
    images = torch.cat([train.images[everything], attacked])
    labels = torch.tensor([CLEAN, ADVERSARIAL]).repeat_interleave(len(train))
    told_apart = replace(train, images=images, labels=labels, classes=["clean", "adversarial"])
    trained = train_replicate(job, told_apart, number)
    trained.checkpoint.remove()
    return trained.best().to(device()).eval()


def detected(network: nn.Module, classifier: nn.Module, test: Split, eps: float) -> Measured:
    """Its errors on clean test images, and on adversarial ones of the kind that it was trained on."""
    attacked = stored(test.images, direction(classifier, test.images, test.labels), eps)
    measured: Measured = {}
    for condition, pixels, truth in (("clean", test.images, CLEAN), ("fgsm-stored", attacked, ADVERSARIAL)):
        labels = torch.full_like(test.labels, truth)
        measured |= named("detector", condition, counted(*answers(network, pixels), labels))
    return measured


def evaded(
    network: nn.Module, classifier: nn.Module, images: Tensor, labels: Tensor, eps: float, steps: int, seed: int
) -> Measured:
    """Which images (uint8 [N, C, H, W]) PGD makes wrong for the classifier and clean for the detector, both at once.

    It climbs the lower of two log-odds, that the classifier errs and that the detector sees nothing (after Carlini &
    Wagner 2017, Adversarial examples are not easily detected).
    """
    pixels = to_float(images.to(device()))
    truth = labels.to(device())

    def both(images: Tensor) -> Tensor:
        return torch.cat([classifier(images), network(images)], 1)

    def undetected(logits: Tensor, label: Tensor) -> Tensor:
        fooled, seen = log_odds(logits[:, :-2], label), logits[:, -1] - logits[:, -2]
        return torch.minimum(fooled, -seen)

    moved = pgd(both, pixels, truth, threat=Threat("linf", eps), steps=steps, loss=undetected, seed=seed)
    with torch.no_grad():
        logits = both(moved).cpu()
    wrong, unseen = logits[:, :-2].argmax(1) != labels, logits[:, -2:].argmax(1) == CLEAN
    return {("error", "detector", "pgd-both"): (wrong & unseen).float()}
