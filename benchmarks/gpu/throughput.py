"""Training beside its floors: milliseconds of a step, of its arithmetic at the card's best, and of its launches.

What is counted is the loss and its gradient with the attack inside, operation by operation; not the optimiser.
"""

import copy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu import record
from benchmarks.gpu.networks import EPS
from benchmarks.gpu.setting import Setting, Tell, now
from friendfoe import runtime
from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig, Shape
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.networks.residual import PreActResNet18Config
from friendfoe.runtime.memory_format import to_fast_format
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import InnerAttack, TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.adversarial_training import AdversarialTrainingConfig, RobustObjective
from friendfoe.training.methods.advprop import AdvPropConfig, AdvPropObjective
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import Objective, TrainingBatch

SHORT, PGD_7 = InnerAttack(steps=2, rel_step=0.7), InnerAttack(steps=7, rel_step=0.25)


@dataclass(frozen=True)
class Case:
    """A kind of training step."""

    name: str
    network: NetworkConfig
    shape: Shape
    batch: int
    method: str
    precision: str = "float32"
    attack: InnerAttack = SHORT


SMALL = CNNConfig(kind="cnn", width=16)
RESIDUAL = PreActResNet18Config(kind="preact_resnet18")
_CIFAR10 = Case("CIFAR-10, PreActResNet-18, PGD-7", RESIDUAL, (3, 32, 32), 128, "pgd-at", "float32", PGD_7)
_BFLOAT16 = replace(_CIFAR10, name="CIFAR-10, PreActResNet-18, PGD-7, bfloat16", precision="bfloat16")
CASES = (
    Case("digits, standard", SMALL, (1, 8, 8), 64, "standard"),
    Case("Fashion-MNIST, standard", SMALL, (1, 28, 28), 128, "standard"),
    Case("Fashion-MNIST, PGD-2", SMALL, (1, 28, 28), 64, "pgd-at"),
    Case("Fashion-MNIST, PGD-2, bfloat16", SMALL, (1, 28, 28), 64, "pgd-at", "bfloat16"),
    Case("Fashion-MNIST, TRADES-2, bfloat16", SMALL, (1, 28, 28), 64, "trades", "bfloat16"),
    Case("Fashion-MNIST, AdvProp-2", SMALL, (1, 28, 28), 64, "advprop"),
    _CIFAR10,
    _BFLOAT16,
)
_STEPS = 20  # of an epoch; the first epoch warms up
_EPOCHS = 4
_ALL = 100  # epochs of a schedule that does not come to its last phase here, which AdvProp trains on clean images


def measure(setting: Setting, tell: Tell) -> None:
    ceilings = _ceilings(setting)
    for case in CASES:
        if setting.left < 0:
            tell({"step": case.name, "state": "left out: the time was up"})
            continue
        tell({"step": case.name, **_timed(case, setting.tiny, ceilings)})


def _ceilings(setting: Setting) -> dict[str, float]:
    """What the section `environment` has found: TFLOP/s of each precision, and seconds of a launch.

    Float32 is trained and crafted in TF32.
    """
    environment = record.read(setting.out, "environment")
    rows = {row["what"]: row["value"] for row in environment.rows} if environment else {}
    best = {"bfloat16": rows.get("matrix product, bfloat16"), "float32": rows.get("matrix product, TF32")}
    best["float32"] = best["float32"] or rows.get("matrix product, float32")
    launch = rows.get("a small kernel, eager")
    return {name: rate for name, rate in best.items() if rate} | ({"launch": launch / 1e6} if launch else {})


def _timed(case: Case, tiny: bool, ceilings: dict[str, float]) -> dict[str, object]:
    device = runtime.device()
    batch, steps = (4, 1) if tiny else (case.batch, _STEPS)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (steps * batch, *case.shape), dtype=torch.uint8, generator=generator)
    images = TrainingImages([pixels], torch.arange(len(pixels)) % 10, 1.0, 0, device)
    config = case.network.model_copy(update={"width": 8}) if tiny else case.network
    network = build(config, case.shape, 10)
    to_fast_format(network.to(device))
    objective = _objective(case, network)
    work, launches = _work(copy.deepcopy(network), objective, images, batch, case.precision)
    budget = TrainingConfig.model_validate(
        {"epochs": 2 if tiny else _EPOCHS, "batch": batch, "optimizer": "sgd", "learning_rate": 0.01,
         "precision": case.precision}
    )  # fmt: skip
    ended: list[float] = []
    train(network, images, objective, budget, base_seed=0, on_epoch=lambda history: ended.append(now(device)))
    taken = sorted(later - earlier for earlier, later in pairwise(ended))
    seconds = taken[len(taken) // 2] / steps
    found: dict[str, object] = {
        "batch": batch,
        "ms": round(1e3 * seconds, 3),
        "images/s": round(batch / seconds),
        "GFLOP": round(work / 1e9, 2),
        "operations": launches,
    }
    if case.precision in ceilings:
        found["ms of arithmetic"] = round(1e3 * work / ceilings[case.precision] / 1e12, 3)
    if "launch" in ceilings:
        found["ms of launches, one by one"] = round(1e3 * launches * ceilings["launch"], 3)
    return found


def _objective(case: Case, network: nn.Module) -> Objective:
    if case.method == "standard":
        return cross_entropy
    if case.method == "advprop":
        recipes = [{"images": "clean"}, {"images": "adversarial", "branch": "adversarial"}]
        advprop = AdvPropConfig.model_validate({"method": "advprop", "distributions": recipes})
        advprop.prepare(network)
        return AdvPropObjective(advprop, EPS, case.attack, _ALL)
    method = AdversarialTrainingConfig.model_validate({"method": "adversarial-training", "objective": case.method})
    return RobustObjective(method, EPS, case.attack, _ALL)


class _Operations(TorchDispatchMode):
    """Counts what is launched one by one: all operations but views."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        aliases = [returned.alias_info for returned in func._schema.returns]
        self.count += not (aliases and all(alias and not alias.is_write for alias in aliases))
        return func(*args, **(kwargs or {}))


def _work(
    network: nn.Module, objective: Objective, images: TrainingImages, batch: int, precision: str
) -> tuple[float, int]:
    """Floating-point operations of a step, as torch counts those of convolutions and matrix products; and launches."""
    rows = torch.arange(batch)
    pixels, labels = images.take(rows)
    network.train()
    low = torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16")
    with FlopCounterMode(display=False) as arithmetic, _Operations() as operations, low:
        loss, _ = objective(network, TrainingBatch(pixels, labels, rows.to(images.device), 0, 0))
        torch.autograd.backward(loss)
    return float(arithmetic.get_total_flops()), operations.count
