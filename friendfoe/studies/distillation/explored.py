"""What the explorer shows: attacks of the evaluations, and JSMA."""

from functools import partial

import torch
from torch import Tensor, nn

from friendfoe.attacks.jsma import jsma
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float, to_uint8
from friendfoe.studies import explorer
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.explorer import Perturbation, Shown
from friendfoe.studies.inputs import Inputs


def explored(study: Inputs[Settings]) -> list[Perturbation]:
    """The attacks that the settings name, and JSMA on the softmax with shares of its budget of features."""
    sizes = tuple(share * study.settings.jsma.features for share in study.settings.explorer.shares)
    classes = len(study.test.classes)
    return [Perturbation("jsma", "foe", sizes, partial(_driven, classes=classes)), *explorer.explored(study)]


def _driven(network: nn.Module, shown: Shown, features: float, *, classes: int) -> Tensor:
    """Each image towards the class that follows its own, the first of its targets."""
    device = next(network.parameters()).device
    clean, truth = shown.pixels.to(device), shown.labels.to(device)
    targets = torch.remainder(truth + 1, classes)
    moved = jsma(network, to_float(clean), truth, threat=Threat("l0", features), targets=targets, output="softmax")
    return to_uint8(moved, clean).cpu()
