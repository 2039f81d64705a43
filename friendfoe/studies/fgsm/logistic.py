"""Logistic regression on two classes: the loss under FGSM, measured and in closed form; L1 weight decay beside it."""

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
from friendfoe.studies.fgsm.measures import Measured, Numbers, answers, counted, named
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import Objective, TrainingBatch

BUDGET = TrainingConfig(epochs=10, batch=100, optimizer="sgd", learning_rate=0.1)


def logistic(
    training: Split, test: Split, pair: list[int], eps: float, seed: int, budget: TrainingConfig = BUDGET
) -> tuple[Measured, Measured, Numbers]:
    """Train on two classes: on images as they are, on the closed form of the worst case, and with L1 weight decay.

    All begin with the same weights, and see the images in the same order. A weight decay of eps is the bound
    softplus(eps |w|_1 + z) <= softplus(z) + eps |w|_1, which adversarial training stays below; the weak one is a
    hundredth of it, as 0.0025 is of the paper's 0.25.

    Returns:
        What `measured` gives on the test images of the pair, errors on the training images, and losses.

    Raises:
        UserError: the data set lacks a class of the pair, or images of it.
    """
    (rows, labels), (test_rows, test_labels) = pick(training, pair), pick(test, pair)
    images, test_images = training.images[rows], test.images[test_rows]
    objectives = {
        "logistic": cross_entropy,
        "logistic-adversarial": worst_case(eps),
        "logistic-l1": decayed(eps),
        "logistic-l1-weak": decayed(eps / 100),
    }
    on_test, on_training, losses = Measured(), Measured(), Numbers()
    for name, objective in objectives.items():
        network = build(LogisticConfig(kind="logistic"), training.shape, 2, seed=seed)
        copies = TrainingImages([images], labels, 1.0, seed, runtime.device())
        train(network.to(copies.device), copies, objective, budget, base_seed=seed)
        shares, numbers = measured(name, network, test_images, test_labels, eps)
        on_test, losses = on_test | shares, losses | numbers
        on_training |= named(name, "train", counted(*answers(network, images), labels))
    return on_test, on_training, losses


def measured(name: str, network: nn.Module, images: Tensor, labels: Tensor, eps: float) -> tuple[Measured, Numbers]:
    """Errors on clean and attacked images (uint8 [N, C, H, W]); the loss under FGSM, measured and in closed form."""
    device = next(network.parameters()).device
    pixels, truth = to_float(images.to(device)), labels.to(device)
    attacked = fgsm(network, pixels, truth, threat=Threat("linf", eps), clip=False)
    linear = linear_part(network)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(network(attacked), truth).item()
        closed = worst_case_loss(linear.weight[0], linear.bias, pixels.flatten(1), truth, eps).mean().item()
    shares: Measured = {}
    for condition, shown in (("clean", pixels), ("fgsm", attacked), ("fgsm-clipped", attacked.clamp(0, 1))):
        shares |= named(name, condition, counted(*answers(network, shown), labels.cpu()))
    return shares, {("loss", name, "fgsm"): loss, ("closed-form", name, "fgsm"): closed}


def worst_case(eps: float) -> Objective:
    """The mean of the closed form: adversarial training without attacks."""

    def loss(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        linear = linear_part(network)
        losses = worst_case_loss(linear.weight[0], linear.bias, batch.images.flatten(1), batch.labels, eps)
        return losses.mean(), network(batch.images)

    return loss


def decayed(coefficient: float) -> Objective:
    """Cross-entropy and L1 weight decay."""

    def loss(network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        usual, logits = cross_entropy(network, batch)
        return usual + coefficient * linear_part(network).weight.abs().sum(), logits

    return loss


def linear_part(network: nn.Module) -> nn.Linear:
    """The weights and the bias of logistic regression."""
    return next(module.linear for module in network.modules() if isinstance(module, Logistic))


def pick(split: Split, pair: list[int]) -> tuple[Tensor, Tensor]:
    """The rows int64 [n] of two classes, ascending, and labels int64 [n]: 0 for the first and 1 for the second.

    Raises:
        UserError: the data set lacks one of them, or images of it.
    """
    first, second = (class_rows(split, number, "fgsm", "pair") for number in pair)
    rows = torch.cat([first, second]).sort().values
    return rows, (split.labels[rows] == pair[1]).long()
