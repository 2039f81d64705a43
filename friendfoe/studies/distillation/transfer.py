"""Images crafted on one network and shown to others: a part of the analysis with a stage of its own.

Three questions. Do images that the undistilled network takes for something else with a great lead fool a distilled one
(Carlini & Wagner 2017, section VIII-D)? Are networks of other structure, or trained on other images, fooled by the same
(Szegedy et al. 2014)? And learners that are no networks at all?
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn

from friendfoe.attacks.ball import length
from friendfoe.attacks.cw import cw_l2
from friendfoe.attacks.pgd import margin_pgd
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.evaluation.outcomes import Key, Outcomes, stacked
from friendfoe.models.predict import logits
from friendfoe.runtime import device
from friendfoe.studies.analysis import side_by_side, write_outcomes
from friendfoe.studies.distillation.names import HALVES, SURROGATE, UNDISTILLED, confidence
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.inputs import Inputs
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.replicate import train_replicate

if TYPE_CHECKING:
    from friendfoe.data.store import Split

Answers = Callable[[Tensor], Tensor]
"""From images, floating [N, C, H, W], to the classes that they are taken for, int64 [N]."""


def analyse(study: Inputs[Settings], out: Path) -> None:
    """Write outcomes of images into `out`.

    transferred (confidence-K): whether a network errs on images that were crafted on the surrogate until the wrong
    class led by K; of images that it gets right as they are and that the surrogate was fooled by. distance
    (confidence-K) of the surrogate: how long the change is.

    error (clean, borrowed, transferred): whether images are misclassified as they are, with the change that was made
    for another image, and with their own; crafted on the surrogate for the undistilled network and for learners, on
    half (a network trained on one half of the images) for networks trained on the other half. alike (transferred):
    whether a network takes an image for the same wrong class, where both err.

    Raises:
        UserError: a network is missing or damaged.
    """
    whole, budget = study.every_test_image, study.settings.transfer
    near, many = (whole.some(count) for count in (study.job.images or len(whole), budget.images))
    labels = whole.labels[many]
    images = to_float(whole.images[many])

    def replicate(number: int, step: Callable[[], None]) -> tuple[list[dict[Key, Tensor]], list[Checkpoint]]:
        source = study.network(SURROGATE, number)
        networks = {name: _answers(study.network(name, number)) for name in (SURROGATE, *study.job.models)}
        led = _led(study, source, networks, to_float(whole.images[near]), whole.labels[near])
        step()
        shown = _shown(study, source, number, images, labels)
        errors: dict[Key, Tensor] = {}
        for name, answers in {UNDISTILLED: networks[UNDISTILLED], **fitted(study, number)}.items():
            errors |= _errors(name, answers, networks[SURROGATE], shown, labels)
        step()
        job, halves = study.job.retrained[UNDISTILLED], halved(study.train, study.seed("halves", number))
        trained: dict[str, Answers] = {}
        checkpoints: list[Checkpoint] = []
        for name, half, structure in zip(HALVES, (0, 1, 1), (job.network, job.network, budget.network), strict=True):
            own = job.model_copy(update={"network": structure, "draws": name})
            result = train_replicate(own, halves[half], number)
            network = result.best().to(device()).eval()
            if not trained:
                shown = _shown(study, network, number, images, labels)
            trained[name] = _answers(network)
            checkpoints.append(result.checkpoint)
            step()
        first = trained[next(iter(HALVES))]
        for name, answers in trained.items():
            errors |= _errors(name, answers, first, shown, labels)
        return [led, errors], checkpoints

    results = side_by_side(f"transfer on {study.data}", len(study.replicates), replicate, 5)
    for checkpoint in (checkpoint for _, checkpoints in results for checkpoint in checkpoints):
        checkpoint.remove()
    found: dict[Key, Outcomes] = {}
    for rows, parts in zip((near, many), zip(*(parts for parts, _ in results), strict=True), strict=True):
        found |= stacked("test", rows, whole.labels[rows], parts)
    write_outcomes(found, out)


def halved(split: Split, seed: int) -> tuple[Split, Split]:
    """Two halves of a split that share no image; of an odd number the last one is left out."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    size = len(split) // 2
    first, second = (
        replace(split, images=split.images[rows], labels=split.labels[rows])
        for rows in (order[:size].sort().values, order[size : 2 * size].sort().values)
    )
    return first, second


def fitted(study: Inputs[Settings], number: int) -> dict[str, Answers]:
    """Learners that are no networks, by name, fitted to pixels of the training images, or of some of them."""
    rows = study.train.some(study.settings.transfer.learners)
    pixels, labels = to_float(study.train.images[rows]).flatten(1).numpy(), study.train.labels[rows].numpy()
    seed = study.seed("learners", number) % 2**32
    learners: dict[str, Any] = {
        "svm": LinearSVC(random_state=seed, dual=False),  # type: ignore[no-untyped-call]
        "tree": DecisionTreeClassifier(random_state=seed),  # type: ignore[no-untyped-call]
        "neighbours": KNeighborsClassifier(3),  # type: ignore[no-untyped-call]
    }

    def answers(learner: Any) -> Answers:
        return lambda images: torch.from_numpy(learner.predict(images.flatten(1).numpy()))

    return {name: answers(learner.fit(pixels, labels)) for name, learner in learners.items()}


def borrowed(images: Tensor, crafted: Tensor) -> Tensor:
    """Images with the change that was made for the next one: as large, and not made for them. [N, C, H, W]."""
    return (images + (crafted - images).roll(-1, 0)).clamp(0, 1)


def _answers(network: nn.Module) -> Answers:
    return lambda images: logits(network, images).argmax(1).cpu()


def _led(
    study: Inputs[Settings], source: nn.Module, networks: dict[str, Answers], images: Tensor, labels: Tensor
) -> dict[Key, Tensor]:
    """Outcomes of images that the source takes for another class by a lead, as near as the L2 attack finds them."""
    outcomes: dict[Key, Tensor] = {}
    right = {name: answers(images) == labels for name, answers in networks.items()}
    batch, anywhere = (images.to(device()), labels.to(device())), Threat("l2", images[0].numel() ** 0.5)
    budget = study.settings.distances.l2.model_dump()
    for lead in study.settings.transfer.confidences:
        crafted = cw_l2(source, *batch, threat=anywhere, confidence=lead, **budget).cpu()
        wrong = {name: answers(crafted) != labels for name, answers in networks.items()}
        found, condition = wrong[SURROGATE] & right[SURROGATE], confidence(lead)
        outcomes["distance", SURROGATE, condition] = length(crafted - images).flatten().masked_fill(~found, torch.nan)
        for name in study.job.models:
            fooled = wrong[name].double()
            outcomes["transferred", name, condition] = fooled.masked_fill(~(found & right[name]), torch.nan)
    return outcomes


def _shown(
    study: Inputs[Settings], source: nn.Module, number: int, images: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    """Images by condition: as they are, with the change of another image, and as PGD on the margin changes them."""
    crafted = margin_pgd(
        source,
        images.to(device()),
        labels.to(device()),
        threat=Threat("linf", study.job.eps),
        steps=study.settings.transfer.steps,
        seed=study.seed("transfer", number),
    ).cpu()
    return {"clean": images, "borrowed": borrowed(images, crafted), "transferred": crafted}


def _errors(
    name: str, answers: Answers, source: Answers, shown: dict[str, Tensor], labels: Tensor
) -> dict[Key, Tensor]:
    """What a learner answers on images that were crafted on a source."""
    outcomes: dict[Key, Tensor] = {
        ("error", name, condition): answers(images) != labels for condition, images in shown.items()
    }
    ours, theirs = answers(shown["transferred"]), source(shown["transferred"])
    both = (ours != labels) & (theirs != labels)
    outcomes["alike", name, "transferred"] = (ours == theirs).double().masked_fill(~both, torch.nan)
    return outcomes
