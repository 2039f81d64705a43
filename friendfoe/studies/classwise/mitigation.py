"""The inference phase: can the weakest class of a trained network be helped without training it again?

Both ways are our reading of "changes in the inference phase": rows of the last layer rescaled to one norm, and the
logits adjusted by the class prior of the network's own answers under attack (Menon et al. 2021, section 4.1).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from friendfoe.evaluation.outcomes import Key
from friendfoe.models.last_layer import last_layer, with_equal_rows, with_shifted_logits
from friendfoe.studies.analysis import side_by_side
from friendfoe.studies.classwise.attacked import answers
from friendfoe.studies.classwise.held_out import held_out
from friendfoe.studies.classwise.names import ATTACK, MODEL, PRIOR, ROWS, SHOWN, STRONGEST
from friendfoe.studies.classwise.settings import Settings
from friendfoe.studies.inputs import Inputs


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


def analyse(study: Inputs[Settings]) -> tuple[list[dict[Key, Tensor]], list[float]]:
    """Every variant of `MODEL`, clean and attacked: which images it gets right; and the strengths of the adjustment.

    By replicate: "accuracy-crafted", the variant and the condition -> 1 or 0 [N]; nan for an adjustment of strength 0,
    by which nothing is changed.
    """
    labels = study.test.labels

    def replicate(number: int, step: Callable[[], None]) -> tuple[dict[Key, Tensor], float]:
        outcomes: dict[Key, Tensor] = {}
        network = study.network(MODEL, number)
        images, truth = held_out(study, MODEL, number)
        kept, strength = adjusted(
            network,
            truth,
            lambda candidate: answers(study, candidate, images, truth, number).attacked,
            study.settings.mitigation.strengths,
        )
        for name, variant in {ROWS: with_equal_rows(network), PRIOR: kept}.items():
            answered = {} if variant is network else _answered(study, variant, number)
            for condition in SHOWN:
                right = (answered[condition] == labels).float() if answered else torch.full(labels.shape, torch.nan)
                outcomes["accuracy-crafted", name, condition] = right
            step()
        return outcomes, strength

    parts = side_by_side(f"mitigation on {study.data}", len(study.replicates), replicate, steps=2)
    return [outcomes for outcomes, _ in parts], [strength for _, strength in parts]


def _answered(study: Inputs[Settings], network: nn.Module, number: int) -> dict[str, Tensor]:
    """What a network takes the test images for, by condition."""
    pgd, strongest = (
        answers(study, network, study.test.images, study.test.labels, number, condition)
        for condition in (ATTACK, STRONGEST)
    )
    return {"clean": pgd.clean, ATTACK: pgd.attacked, STRONGEST: strongest.attacked}
