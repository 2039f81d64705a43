"""Logistic regression on two classes: the loss under FGSM, measured and in closed form."""

import torch
from torch import Tensor, nn

from friendfoe import runtime
from friendfoe.attacks.fgsm import fgsm
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.data.store import Split
from friendfoe.models.classifier import build
from friendfoe.models.networks.logistic import Logistic, LogisticConfig, worst_case_loss
from friendfoe.studies.classes import class_rows
from friendfoe.studies.fgsm.measures import Measurement, answers, counted, named
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import Objective, TrainingBatch

BUDGET = TrainingConfig(epochs=10, batch=100, optimizer="sgd", learning_rate=0.1)


def logistic(
    training: Split, test: Split, pair: list[int], eps: float, seed: int, budget: TrainingConfig = BUDGET
) -> list[Measurement]:
    """Train on two classes, on images as they are and on the closed form of the worst case; measure both.

    Raises:
        UserError: the data set lacks a class of the pair, or images of it.
    """
    images, labels = pick(training, pair)
    test_images, test_labels = pick(test, pair)
    measurements: list[Measurement] = []
    for name, objective in (("logistic", cross_entropy), ("logistic-adversarial", worst_case(eps))):
        network = build(LogisticConfig(kind="logistic"), training.shape, 2, seed=runtime.seed(seed, name))
        copies = TrainingImages([images], labels, 1.0, seed, runtime.device())
        train(network.to(copies.device), copies, objective, budget, base_seed=runtime.seed(seed, name))
        measurements += measured(name, network, test_images, test_labels, eps)
    return measurements


def measured(name: str, network: nn.Module, images: Tensor, labels: Tensor, eps: float) -> list[Measurement]:
    """Errors on clean and attacked images (uint8 [N, C, H, W]); the loss under FGSM, measured and in closed form."""
    device = next(network.parameters()).device
    pixels, labels = to_float(images.to(device)), labels.to(device)
    attacked = fgsm(network, pixels, labels, threat=Threat("linf", eps), clip=False)
    linear = linear_part(network)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(network(attacked), labels).item()
        closed = worst_case_loss(linear.weight[0], linear.bias, pixels.flatten(1), labels, eps).mean().item()
    return [
        *named(name, "clean", counted(*answers(network, pixels), labels.cpu())),
        *named(
            name, "fgsm", {**counted(*answers(network, attacked), labels.cpu()), "loss": loss, "closed-form": closed}
        ),
        *named(name, "fgsm-clipped", counted(*answers(network, attacked.clamp(0, 1)), labels.cpu())),
    ]


def worst_case(eps: float) -> Objective:
    """The mean of the closed form: adversarial training without attacks."""

    def loss(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        linear = linear_part(network)
        losses = worst_case_loss(linear.weight[0], linear.bias, batch.images.flatten(1), batch.labels, eps)
        return losses.mean(), network(batch.images)

    return loss


def linear_part(network: nn.Module) -> nn.Linear:
    """The weights and the bias of logistic regression."""
    return next(module.linear for module in network.modules() if isinstance(module, Logistic))


def pick(split: Split, pair: list[int]) -> tuple[Tensor, Tensor]:
    """Images uint8 [n, C, H, W] of two classes, and labels int64 [n]: 0 for the first and 1 for the second.

    Raises:
        UserError: the data set lacks one of them, or images of it.
    """
    first, second = (class_rows(split, number, "fgsm", "pair") for number in pair)
    rows = torch.cat([first, second]).sort().values
    return split.images[rows], (split.labels[rows] == pair[1]).long()
