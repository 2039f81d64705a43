"""The inference phase: can the weakest class of a trained network be helped without training it again?

Both ways are our reading of "changes in the inference phase": rows of the last layer rescaled to one norm, and the
logits adjusted by the class prior of the network's own answers under attack (Menon et al. 2021, section 4.1).
"""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from friendfoe.models.last_layer import last_layer, with_equal_rows, with_shifted_logits
from friendfoe.runtime.progress import progress
from friendfoe.runtime.replicates import Send, each_replicate
from friendfoe.studies.classwise.attacked import answers
from friendfoe.studies.classwise.names import ATTACK, MODEL
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.inputs import Inputs
from friendfoe.training.images import held_out_rows
from friendfoe.training.job import ValidationConfig

STRONGEST = "autoattack"


def prior(answered: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How often each class is answered against how often it is true, [K]; one answer each is added to both.

    Args:
        answered: int64 [N].
        labels: int64 [N].
        classes: K.
    """
    given, true = (torch.bincount(of, minlength=classes).float() + 1 for of in (answered, labels))
    return given / true


def adjusted(
    network: nn.Module, labels: Tensor, attack: Callable[[nn.Module], Tensor], strengths: Sequence[float]
) -> tuple[nn.Module, float]:
    """The network with logits lowered by strength times log prior, and the strength that helps the weakest class most.

    Args:
        network: gives logits [N, K].
        labels: int64 [N], of images that were held out of training.
        attack: what a network takes these images for under an attack on it, int64 [N].
        strengths: to choose from; none (0) is always among them, and wins a tie.
    """
    answered = attack(network)
    shift = -prior(answered, labels, last_layer(network).out_features).log()
    best, chosen, kept = worst(answered, labels), 0.0, network
    for strength in sorted(strengths):
        candidate = with_shifted_logits(network, strength * shift)
        if (found := worst(attack(candidate), labels)) > best:
            best, chosen, kept = found, strength, candidate
    return kept, chosen


def worst(answered: Tensor, labels: Tensor) -> float:
    """The lowest accuracy of a class, over those that have images."""
    right = torch.bincount(labels[answered == labels], minlength=int(labels.max()) + 1)
    totals = torch.bincount(labels)
    return float((right / totals)[totals > 0].min())


def analyse(study: Inputs[Settings], validation: ValidationConfig) -> pd.DataFrame:
    """Every variant of `MODEL`, clean and attacked: variant, strength, condition, replicate, class, n, correct.

    Args:
        study: the inputs.
        validation: which training images `MODEL` has held out.
    """
    count, classes = len(study.replicates), study.test.classes

    def replicate(number: int, send: Send) -> list[dict[str, Any]]:
        network = study.network(MODEL, number)
        rows = held_out_rows(len(study.train), validation.share, study.job.retrained[MODEL].order_seed(number))
        images, labels = study.train.images[rows], study.train.labels[rows]
        variants = {
            "none": (network, 0.0),
            "rows": (with_equal_rows(network), 0.0),
            "prior": adjusted(
                network,
                labels,
                lambda of: answers(study, of, images, labels, number).attacked,
                study.settings.mitigation.strengths,
            ),
        }
        found = []
        for name, (variant, strength) in variants.items():
            for condition in (ATTACK, STRONGEST):
                of = answers(study, variant, study.test.images, study.test.labels, number, condition)
                if condition == ATTACK:
                    found += _counts(of.clean, study.test.labels, classes, name, strength, "clean", number)
                named = "pgd" if condition == ATTACK else condition
                found += _counts(of.attacked, study.test.labels, classes, name, strength, named, number)
            send(name)
        return found

    with progress(f"mitigation on {study.data}", 3 * count) as advance:
        found = each_replicate(replicate, count, lambda *_: advance(1))
    return pd.DataFrame([row for rows in found for row in rows])


def _counts(
    answered: Tensor, labels: Tensor, classes: list[str], variant: str, strength: float, condition: str, replicate: int
) -> list[dict[str, Any]]:
    totals = torch.bincount(labels, minlength=len(classes)).tolist()
    right = torch.bincount(labels[answered == labels], minlength=len(classes)).tolist()
    of = {"variant": variant, "strength": strength, "condition": condition, "replicate": replicate}
    return [{**of, "class": c, "n": n, "correct": k} for c, n, k in zip(classes, totals, right, strict=True)]
