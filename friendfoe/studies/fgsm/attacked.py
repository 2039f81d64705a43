"""Error and confidence under FGSM: by eps, clipped and stored, and on what other models were attacked with."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from friendfoe.data.pixels import to_uint8
from friendfoe.data.store import Images
from friendfoe.evaluation.intervals import wilson
from friendfoe.studies.fgsm.measures import Measure, answers, counted, named, shifted


def by_eps(
    network: nn.Module, images: Images, labels: Tensor, signs: Tensor, eps: Sequence[float]
) -> list[dict[str, Any]]:
    """A row per eps: eps, error, confidence, confidence-wrong. Nothing is clipped."""
    return [{"eps": e, **counted(*answers(network, shifted(images, signs, e)), labels)} for e in eps]


def own(name: str, network: nn.Module, images: Images, labels: Tensor, signs: Tensor, eps: float) -> list[Measure]:
    """The network on clean images, under its own FGSM, and the same clipped to [0, 1] and rounded to 8 bits."""
    clean = counted(*answers(network, images), labels)
    low, high = wilson(clean["error"] * len(labels), len(labels))
    clipped = shifted(images, signs, eps, clip=True)
    stored = to_uint8(clipped, images[torch.arange(len(labels))])
    return [
        *named(name, "clean", {**clean, "margin": float(high - low) / 2}),
        *named(name, "fgsm", counted(*answers(network, shifted(images, signs, eps)), labels)),
        *named(name, "fgsm-clipped", counted(*answers(network, clipped), labels)),
        *named(name, "fgsm-stored", counted(*answers(network, stored), labels)),
    ]


def transfer(
    networks: Mapping[str, nn.Module], images: Images, labels: Tensor, signs: Mapping[str, Tensor], eps: float
) -> list[Measure]:
    """Every network on the images of every source, and how often two of them agree on a wrong class.

    Args:
        networks: the targets.
        images: uint8 [N, C, H, W].
        labels: int64 [N].
        signs: source -> `direction` of its loss.
        eps: size of the perturbation.

    Returns:
        Condition `on-SOURCE` with the metrics of `counted`; and of each target that is not the source itself, how far
        it agrees with the source on the classes that this answers wrongly (`agreement`).
    """
    found: list[Measure] = []
    for source, direction in signs.items():
        perturbed = shifted(images, direction, eps)
        given = {name: answers(network, perturbed) for name, network in networks.items()}
        for name, (confidence, classes) in given.items():
            found += named(name, f"on-{source}", counted(confidence, classes, labels))
        for name in given.keys() - {source} if source in given else ():
            found += named(name, f"on-{source}", agreement(given[source][1], given[name][1], labels))
    return found


def agreement(first: Tensor, second: Tensor, labels: Tensor) -> dict[str, float]:
    """How often `second` answers the class that `first` mistakes an image for; all int64 [N].

    Returns:
        agreement: over all mistakes of `first`.
        agreement-wrong: over those images that both answer wrongly.
        chance: what `agreement-wrong` would be if the two chose their wrong classes independently of one another, each
            as often as it does for images of that label; nan, as the others, where there is no such image.
    """
    mistaken = first != labels
    both = mistaken & (second != labels)
    expected = torch.zeros((), dtype=torch.float64)
    for label in set(labels[both].tolist()):
        here = both & (labels == label)
        k = int(torch.maximum(first.max(), second.max())) + 1
        shares = [torch.bincount(of[here], minlength=k).double() / here.sum() for of in (first, second)]
        expected += here.sum() * (shares[0] * shares[1]).sum()
    same = first == second
    return {
        "agreement": same[mistaken].double().mean().item(),
        "agreement-wrong": same[both].double().mean().item(),
        "chance": (expected / both.sum()).item(),
    }
