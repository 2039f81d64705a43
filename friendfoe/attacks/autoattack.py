"""AutoAttack: four attacks of different kinds, none of which has anything to tune (Croce & Hein 2020, section 5)."""

from functools import partial
from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from friendfoe.attacks.apgd import Climbed, apgd, apgd_in_turn
from friendfoe.attacks.config import BallConfig
from friendfoe.attacks.contract import Ids, Model, check_counts, check_labels, check_norm, check_sample_ids
from friendfoe.attacks.fab import fab_t
from friendfoe.attacks.losses import rivals
from friendfoe.attacks.square import square
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import white_box


def autoattack(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int = 100,
    n_target_classes: int = 9,
    n_queries: int = 5000,
    seed: int = 0,
    sample_ids: Ids = None,
) -> Tensor:
    """APGD on cross-entropy, APGD on targeted DLR, FAB-T and Square, each on the samples that withstood the others.

    A model of fewer than 4 classes has no targeted DLR; its place takes the targeted cross-entropy. What is not said
    here is the contract of `friendfoe.attacks`.

    Args:
        threat: ``linf`` or ``l2``.
        steps: gradients per run of APGD and FAB.
        n_target_classes: how many rivals APGD-T and FAB-T take for targets, the likeliest first.
        n_queries: budget of Square.

    Returns:
        The first misclassified image of each sample; for those that withstood, what APGD on cross-entropy reached.
    """
    check_labels(images, labels)
    check_norm(threat, "linf", "l2")
    check_counts(steps=steps, n_target_classes=n_target_classes, n_queries=n_queries)
    sample_ids = check_sample_ids(sample_ids, images)
    if not len(images):
        return images.detach().clone()
    images = images.detach()
    perturbed = images.clone()
    standing = torch.arange(len(images), device=images.device)
    with white_box(model, images.dtype, labels=labels) as box:
        targets = rivals(box.logits(images), labels)[:, :n_target_classes]
        loss: Climbed = "dlr" if box.known >= 4 else "cross_entropy"
        ranks, tried = targets.shape[1], 0
        climb = partial(apgd, model, threat=threat, steps=steps, seed=seed, early_stop=True)
        towards = partial(apgd_in_turn, box, threat=threat, steps=steps, loss=loss)
        walk = partial(fab_t, model, threat=threat, steps=steps, n_target_classes=n_target_classes, early_stop=True)
        search = partial(square, model, threat=threat, n_queries=n_queries, rescale_schedule=False, early_stop=True)
        for attempt in ("cross-entropy", *["targets"] * ranks, "boundary", "search"):
            if not len(standing):
                break
            if attempt == "targets" and tried == ranks:
                continue
            x, y, ids = images[standing], labels[standing], sample_ids[standing]
            if attempt == "cross-entropy":
                candidates = climb(x, y, sample_ids=ids)
            elif attempt == "targets":  # several side by side, where samples are few
                part = targets[standing, tried:][:, : box.repeats(x, len(x))]
                seeds = range(seed + 1 + tried, seed + 1 + tried + part.shape[1])
                candidates = towards(x, y, part, seeds=seeds, sample_ids=ids)
                tried += part.shape[1]
            elif attempt == "boundary":
                candidates = walk(x, y)
            else:
                candidates = search(x, y, seed=seed, sample_ids=ids)
            fooled = box.logits(candidates).argmax(1) != y
            kept = fooled | (attempt == "cross-entropy")
            perturbed[standing[kept]] = candidates[kept]
            standing = standing[~fooled]
    return perturbed


class AutoAttackConfig(BallConfig):
    """AutoAttack: APGD-CE, APGD-T, FAB-T and Square, one after the other."""

    attack: Literal["autoattack"]
    function = autoattack
    steps: PositiveInt = Field(default=100, description="gradient steps per run of APGD and FAB")
    n_target_classes: PositiveInt = Field(default=9, description="how many of the likeliest rival classes are targets")
    n_queries: PositiveInt = Field(default=5000, description="how often Square asks the model about an image, at most")
