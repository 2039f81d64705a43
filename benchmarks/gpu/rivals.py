"""Attacks of other libraries beside ours, with the same settings, each behind one call: (images, labels) -> images."""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks import libraries as lib
from benchmarks.libraries import Attack, device_of
from friendfoe.attacks import Threat, apgd, autoattack, cw_l2, jsma

RATE, FIRST = 0.02, 1.0  # of CW: the learning rate, the first c


@dataclass(frozen=True)
class Effort:
    """How much every library is to do.

    Args:
        pgd: steps of PGD.
        steps: of APGD and FAB.
        queries: of Square.
        searches: values of c that CW tries.
        descents: its steps for each.
    """

    pgd: int = 20
    steps: int = 100
    queries: int = 1000
    searches: int = 6
    descents: int = 50


Maker = Callable[[nn.Module, float, Effort], Attack]
"""(model, eps, effort) -> attack."""


def all_steps(make: Callable[..., Attack], model: nn.Module, eps: float, effort: Effort) -> Attack:
    """PGD of a library, by its maker in `benchmarks.libraries`."""
    return make(model, eps, eps / 4, effort.pgd)


def all_steps_and_verdict(make: Callable[..., Attack], model: nn.Module, eps: float, effort: Effort) -> Attack:
    """What it takes to know the robust accuracy by a library that crafts every image to the end."""
    attack = all_steps(make, model, eps, effort)

    def run(images: Tensor, labels: Tensor) -> Tensor:
        made = attack(images, labels)
        lib.accuracy(model, made, labels, len(images))
        return made

    return run


def own_verdict(precision: str, model: nn.Module, eps: float, effort: Effort) -> Attack:
    """The same by ours, which stops working on an image once it has fallen."""
    return lambda images, labels: (
        lib.friendfoe_attacked(model, images, labels, eps, eps / 4, effort.pgd, precision).images
    )


def own_apgd(model: nn.Module, eps: float, effort: Effort) -> Attack:
    settings = {"threat": Threat("linf", eps), "steps": effort.steps, "early_stop": True}
    return lambda images, labels: apgd(model, images, labels, **settings)


def torchattacks_apgd(model: nn.Module, eps: float, effort: Effort) -> Attack:
    from torchattacks import APGD

    return APGD(model, norm="Linf", eps=eps, steps=effort.steps, n_restarts=1, loss="ce")


def pyautoattack_apgd(model: nn.Module, eps: float, effort: Effort) -> Attack:
    from pyautoattack import AutoAttack

    attack = AutoAttack(model, norm="Linf", eps=eps, version="standard", seed=0, device=device_of(model)).apgd
    attack.n_iter, attack.n_restarts, attack.loss = effort.steps, 1, "ce"
    return lambda images, labels: attack.perturb(images, labels)


def own_autoattack(model: nn.Module, eps: float, effort: Effort) -> Attack:
    settings = {"threat": Threat("linf", eps), "steps": effort.steps, "n_queries": effort.queries}
    return lambda images, labels: autoattack(model, images, labels, **settings)


def pyautoattack_whole(model: nn.Module, eps: float, effort: Effort) -> Attack:
    from pyautoattack import AutoAttack

    attack = AutoAttack(model, norm="Linf", eps=eps, version="standard", seed=0, device=device_of(model))
    attack.square.n_queries = effort.queries
    attack.apgd.n_iter = attack.apgd_targeted.n_iter = attack.fab.n_iter = effort.steps

    def run(images: Tensor, labels: Tensor) -> Tensor:
        with contextlib.redirect_stdout(io.StringIO()):
            made: Tensor = attack.run_standard_evaluation(images, labels, batch_size=len(images))[0]
        return made.to(images.device)

    return run


def own_cw(model: nn.Module, eps: float, effort: Effort) -> Attack:
    settings = {"steps": effort.descents, "binary_search_steps": effort.searches, "lr": RATE, "initial_const": FIRST}
    settings["abort_early"] = True
    return lambda images, labels: cw_l2(model, images, labels, threat=Threat("l2", 1e6), **settings)


def foolbox_cw(model: nn.Module, eps: float, effort: Effort) -> Attack:
    from foolbox import PyTorchModel
    from foolbox.attacks import L2CarliniWagnerAttack

    attack = L2CarliniWagnerAttack(effort.searches, effort.descents, RATE, initial_const=FIRST, abort_early=True)
    bounded = PyTorchModel(model, bounds=(0, 1), device=device_of(model))
    return lambda images, labels: attack.run(bounded, images, labels)


def art_cw(model: nn.Module, eps: float, effort: Effort) -> Attack:
    from art.attacks.evasion import CarliniL2Method

    def run(images: Tensor, labels: Tensor) -> Tensor:
        attack = CarliniL2Method(
            _classifier(model, images),
            learning_rate=RATE,
            binary_search_steps=effort.searches,
            max_iter=effort.descents,
            initial_const=FIRST,
            batch_size=len(images),
            verbose=False,
        )
        return _by_art(attack, images, labels)

    return run


def own_jsma(model: nn.Module, eps: float, effort: Effort) -> Attack:
    return lambda images, labels: jsma(model, images, labels, threat=Threat("l0", eps), targets=_next(model, labels))


def art_jsma(model: nn.Module, eps: float, effort: Effort) -> Attack:
    from art.attacks.evasion import SaliencyMapMethod

    def run(images: Tensor, labels: Tensor) -> Tensor:
        attack = SaliencyMapMethod(
            _classifier(model, images), theta=1.0, gamma=eps, batch_size=len(images), verbose=False
        )
        return _by_art(attack, images, nn.functional.one_hot(_next(model, labels), 10))

    return run


def torchattacks_jsma(model: nn.Module, eps: float, effort: Effort) -> Attack:
    from torchattacks import JSMA

    attack = JSMA(model, theta=1.0, gamma=eps)
    attack.set_mode_targeted_by_function(lambda images, labels: _next(model, labels))
    return attack


def _next(model: nn.Module, labels: Tensor) -> Tensor:
    """Targets: the class after each label, of ten."""
    return (labels + 1) % 10


def _classifier(model: nn.Module, images: Tensor) -> object:
    from art.estimators.classification import PyTorchClassifier

    kind = "cpu" if images.device.type == "cpu" else "gpu"
    shape = tuple(images.shape[1:])
    return PyTorchClassifier(model, nn.CrossEntropyLoss(), shape, 10, clip_values=(0.0, 1.0), device_type=kind)


def _by_art(attack: object, images: Tensor, labels: Tensor) -> Tensor:
    made = attack.generate(images.cpu().numpy(), labels.cpu().numpy())
    return torch.from_numpy(made).to(images.device)


OWN = "friendfoe"
CRAFTING: dict[str, Maker] = {name: partial(all_steps, make) for name, make in {**lib.OWN, **lib.OTHERS}.items()}
EVALUATION: dict[str, Maker] = {
    OWN: partial(own_verdict, "float32"),
    f"{OWN}, bfloat16": partial(own_verdict, "bfloat16"),
    **{name: partial(all_steps_and_verdict, make) for name, make in lib.OTHERS.items()},
}
APGD: dict[str, Maker] = {OWN: own_apgd, "torchattacks": torchattacks_apgd, "pyautoattack": pyautoattack_apgd}
AUTOATTACK: dict[str, Maker] = {OWN: own_autoattack, "pyautoattack": pyautoattack_whole}
CW: dict[str, Maker] = {OWN: own_cw, "foolbox": foolbox_cw, "ART": art_cw}
JSMA: dict[str, Maker] = {OWN: own_jsma, "ART": art_jsma, "torchattacks": torchattacks_jsma}
