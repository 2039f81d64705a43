"""The inference phase: can the weakest class of a trained network be helped without training it again?

Both ways are our reading of "changes in the inference phase": rows of the last layer rescaled to one norm, and the
logits adjusted by the class prior of the network's own answers under attack (Menon et al. 2021, section 4.1).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from friendfoe.data.store import Split
from friendfoe.models.last_layer import last_layer, with_equal_rows, with_shifted_logits
from friendfoe.studies.analysis import Record, side_by_side
from friendfoe.studies.classwise.attacked import answers
from friendfoe.studies.classwise.names import ATTACK, MODEL, STRONGEST
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.inputs import Inputs
from friendfoe.training.images import held_out_rows


def prior(answered: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How often each class is answered against how often it is true, [K]; one answer each is added to both."""
    counts, true = (torch.bincount(each, minlength=classes).float() + 1 for each in (answered, labels))
    return counts / true


def adjusted(
    network: nn.Module, labels: Tensor, attack: Callable[[nn.Module], Tensor], strengths: Sequence[float]
) -> tuple[nn.Module, float]:
    """The network with logits lowered by strength times log prior, and the strength that helps the weakest class most.

    Labels are of images that were held out of training; `attack` says what a network takes these for under an attack on
    it. No strength (0) is always among those to choose from, and wins a tie.
    """
    answered = attack(network)
    shift = -prior(answered, labels, last_layer(network).out_features).log()
    best, chosen, kept = worst(answered, labels), 0.0, network
    for strength in sorted(strengths):
        candidate = with_shifted_logits(network, strength * shift)
        if (accuracy := worst(attack(candidate), labels)) > best:
            best, chosen, kept = accuracy, strength, candidate
    return kept, chosen


def worst(answered: Tensor, labels: Tensor) -> float:
    """The lowest accuracy of a class, over those that have images."""
    right = torch.bincount(labels[answered == labels], minlength=int(labels.max()) + 1)
    totals = torch.bincount(labels)
    return float((right / totals)[totals > 0].min())


def analyse(study: Inputs[Settings]) -> list[Record]:
    """Every variant of `MODEL`, clean and attacked: variant, strength, condition, replicate, class, n, correct."""

    def replicate(number: int, step: Callable[[], None]) -> list[Record]:
        records: list[Record] = []
        for name, (network, strength) in _variants(study, number).items():
            pgd, strongest = (
                answers(study, network, study.test.images, study.test.labels, number, condition)
                for condition in (ATTACK, STRONGEST)
            )
            answers_by_condition = {"clean": pgd.clean, "pgd": pgd.attacked, STRONGEST: strongest.attacked}
            for condition, answered in answers_by_condition.items():
                key: Record = {"variant": name, "strength": strength, "condition": condition, "replicate": number}
                records += [{**key, **count} for count in _counts(answered, study.test)]
            step()
        return records

    parts = side_by_side(f"mitigation on {study.data}", len(study.replicates), replicate, steps=3)
    return [row for records in parts for row in records]


def _variants(study: Inputs[Settings], number: int) -> dict[str, tuple[nn.Module, float]]:
    """Networks of one replicate, and the strength of their adjustment."""
    network, job = study.network(MODEL, number), study.job.retrained[MODEL]
    assert job.training.validation
    rows = held_out_rows(len(study.train), job.training.validation.share, job.order_seed(number))
    images, labels = study.train.images[rows], study.train.labels[rows]

    def attack(candidate: nn.Module) -> Tensor:
        return answers(study, candidate, images, labels, number).attacked

    return {
        "none": (network, 0.0),
        "rows": (with_equal_rows(network), 0.0),
        "prior": adjusted(network, labels, attack, study.settings.mitigation.strengths),
    }


def _counts(answered: Tensor, test: Split) -> list[Record]:
    """Rows of class, n and correct."""
    classes = len(test.classes)
    totals = torch.bincount(test.labels, minlength=classes).tolist()
    right = torch.bincount(test.labels[answered == test.labels], minlength=classes).tolist()
    return [{"class": c, "n": n, "correct": k} for c, n, k in zip(test.classes, totals, right, strict=True)]
