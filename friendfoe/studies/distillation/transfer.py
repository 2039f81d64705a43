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
from torch import Tensor, nn

from friendfoe.attacks.ball import length
from friendfoe.attacks.cw import cw_l2
from friendfoe.attacks.pgd import margin_pgd
from friendfoe.attacks.threat import Threat
from friendfoe.data.pixels import to_float
from friendfoe.evaluation.outcomes import Key, stacked
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
    settings, test = study.settings.transfer, study.test
    images, labels = to_float(test.images[:]), test.labels

    def replicate(number: int, step: Callable[[], None]) -> tuple[dict[Key, Tensor], list[Checkpoint]]:
        outcomes: dict[Key, Tensor] = {}
        surrogate = _answers(study.network(SURROGATE, number))
        networks = {model: _answers(study.network(model, number)) for model in study.job.models}
        right = {model: answers(images) == labels for model, answers in networks.items()}
        for lead in settings.confidences:
            crafted = _confident(study, number, images, labels, lead)
            found = surrogate(crafted) != labels
            condition = confidence(lead)
            distance = length(crafted - images).flatten()
            outcomes["distance", SURROGATE, condition] = distance.masked_fill(~found, torch.nan)
            for model, answers in networks.items():
                wrong = (answers(crafted) != labels).double()
                outcomes["transferred", model, condition] = wrong.masked_fill(~(found & right[model]), torch.nan)
        step()
        shown = _shown(study, study.network(SURROGATE, number), number, images, labels)
        learners: dict[str, Answers] = {UNDISTILLED: networks[UNDISTILLED], **fitted(study, number)}
        for name, answers in learners.items():
            outcomes |= _errors(name, answers, surrogate, shown, labels)
        step()
        job, halves = study.job.retrained[UNDISTILLED], halved(study.train, study.seed("halves", number))
        trained: dict[str, Answers] = {}
        checkpoints: list[Checkpoint] = []
        for name, half, structure in zip(HALVES, (0, 1, 1), (job.network, job.network, settings.network), strict=True):
            own = job.model_copy(update={"network": structure, "draws": name})
            result = train_replicate(own, halves[half], number)
            network = result.best().to(device()).eval()
            if not trained:
                shown = _shown(study, network, number, images, labels)
            trained[name] = _answers(network)
            checkpoints.append(result.checkpoint)
            step()
        source = trained[next(iter(HALVES))]
        for name, answers in trained.items():
            outcomes |= _errors(name, answers, source, shown, labels)
        return outcomes, checkpoints

    results = side_by_side(f"transfer on {study.data}", len(study.replicates), replicate, 5)
    for checkpoint in (checkpoint for _, checkpoints in results for checkpoint in checkpoints):
        checkpoint.remove()
    rows = study.every_test_image.some(study.job.images or len(study.every_test_image))
    write_outcomes(stacked("test", rows, labels, [part for part, _ in results]), out)


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
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import LinearSVC
    from sklearn.tree import DecisionTreeClassifier

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


def _confident(study: Inputs[Settings], number: int, images: Tensor, labels: Tensor, lead: float) -> Tensor:
    """Images that the surrogate takes for another class by such a lead, as near as the L2 attack finds them."""
    network = study.network(SURROGATE, number)
    anywhere = Threat("l2", images[0].numel() ** 0.5)
    budget = study.settings.distances.l2.model_dump()
    return cw_l2(network, images.to(device()), labels.to(device()), threat=anywhere, confidence=lead, **budget).cpu()


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
