"""PGD of each library behind one call: perturb a batch with the same eps, step, number of steps and a random start."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from friendfoe.attacks import Threat, pgd
from friendfoe.attacks.pgd import PGDConfig
from friendfoe.evaluation.robust import Robustness, robustness

Attack = Callable[[Tensor, Tensor], Tensor]


def friendfoe(model: nn.Module, eps: float, step: float, steps: int) -> Attack:
    settings = {"threat": Threat("linf", eps), "steps": steps, "step_size": step, "keep_best": False}
    return lambda images, labels: pgd(model, images, labels, **settings)


def friendfoe_bfloat16(model: nn.Module, eps: float, step: float, steps: int) -> Attack:
    attack = friendfoe(model, eps, step, steps)

    def run(images: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16):
            return attack(images, labels)

    return run


def foolbox(model: nn.Module, eps: float, step: float, steps: int) -> Attack:
    from foolbox import PyTorchModel
    from foolbox.attacks import LinfPGD

    bounded = PyTorchModel(model, bounds=(0, 1), device=device_of(model))
    attack = LinfPGD(abs_stepsize=step, steps=steps, random_start=True)
    return lambda images, labels: attack.run(bounded, images, labels, epsilon=eps)


def art(model: nn.Module, eps: float, step: float, steps: int) -> Attack:
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

    kind = "cpu" if device_of(model).type == "cpu" else "gpu"

    def run(images: Tensor, labels: Tensor) -> Tensor:
        shape = tuple(images.shape[1:])
        classifier = PyTorchClassifier(
            model, nn.CrossEntropyLoss(), shape, 10, clip_values=(0.0, 1.0), device_type=kind
        )
        attack = ProjectedGradientDescent(
            classifier, np.inf, eps, step, max_iter=steps, num_random_init=1, batch_size=len(images), verbose=False
        )
        made = attack.generate(images.cpu().numpy(), labels.cpu().numpy())
        return torch.from_numpy(made).to(images.device)

    return run


def torchattacks(model: nn.Module, eps: float, step: float, steps: int) -> Attack:
    from torchattacks import PGD

    return PGD(model, eps=eps, alpha=step, steps=steps, random_start=True)


OWN = {"friendfoe": friendfoe, "friendfoe, bfloat16": friendfoe_bfloat16}
OTHERS = {"foolbox": foolbox, "ART": art, "torchattacks": torchattacks}


def device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def crafted(attack: Attack, images: Tensor, labels: Tensor, batch: int) -> Tensor:
    return torch.cat([attack(x, y) for x, y in zip(images.split(batch), labels.split(batch), strict=True)])


def accuracy(model: nn.Module, images: Tensor, labels: Tensor, batch: int) -> float:
    with torch.no_grad():
        hits = [model(x).argmax(1) == y for x, y in zip(images.split(batch), labels.split(batch), strict=True)]
    return torch.cat(hits).double().mean().item()


def friendfoe_evaluation(
    model: nn.Module, images: Tensor, labels: Tensor, eps: float, step: float, steps: int, precision: str
) -> float:
    return friendfoe_attacked(model, images, labels, eps, step, steps, precision).accuracy_after(1)


def friendfoe_attacked(
    model: nn.Module, images: Tensor, labels: Tensor, eps: float, step: float, steps: int, precision: str
) -> Robustness:
    config = PGDConfig(attack="pgd", steps=steps, rel_step=step / eps, precision=precision)
    return robustness(model, images, labels, {"pgd": config}, eps=eps, seed=0)
