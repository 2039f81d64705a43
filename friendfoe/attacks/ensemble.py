"""AutoAttack: four attacks of different kinds, none of which has anything to tune (Croce & Hein 2020, section 5)."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from friendfoe.attacks.auto_pgd import apgd
from friendfoe.attacks.boundary import fab_t
from friendfoe.attacks.contract import Model, check_labels, identities
from friendfoe.attacks.losses import rivals
from friendfoe.attacks.oracle import crafting
from friendfoe.attacks.random_search import square
from friendfoe.attacks.threat import Threat


def autoattack(
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    threat: Threat,
    steps: int = 100,
    classes: int = 9,
    queries: int = 5000,
    seed: int = 0,
    samples: Tensor | None = None,
) -> Tensor:
    """APGD on cross-entropy, APGD on targeted DLR, FAB-T and Square, each on the samples that withstood the others.

    A model of fewer than 4 classes has no targeted DLR; its place takes the targeted cross-entropy.

    Args:
        model: gives logits [N, K].
        images: floating [N, C, H, W] in [0, 1].
        labels: int64 [N].
        threat: ``linf`` or ``l2``.
        steps: gradients per run of APGD and FAB.
        classes: how many rivals APGD-T and FAB-T take for targets, the likeliest first.
        queries: budget of Square.
        seed: of all that is drawn.
        samples: int64 [N], the identity of each image; its place in the batch where not given.

    Returns:
        The first misclassified image that was found for each sample; for those that withstood, what APGD on
        cross-entropy reached.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    check_labels(images, labels)
    samples = identities(samples, images)
    if not len(images):
        return images.detach().clone()
    with crafting(model, labels=labels) as oracle:
        rival = rivals(oracle.logits(images), labels)

        def cross_entropy(x: Tensor, y: Tensor, of: Tensor) -> Tensor:
            return apgd(model, x, y, threat=threat, steps=steps, early_stop=True, seed=seed, samples=samples[of])

        def targeted(rank: int, x: Tensor, y: Tensor, of: Tensor) -> Tensor:
            return apgd(
                model,
                x,
                y,
                threat=threat,
                steps=steps,
                loss="dlr" if oracle.known >= 4 else "cross_entropy",
                targets=rival[of, rank],
                early_stop=True,
                seed=seed + 1 + rank,
                samples=samples[of],
            )

        def boundary(x: Tensor, y: Tensor, of: Tensor) -> Tensor:
            return fab_t(model, x, y, threat=threat, steps=steps, classes=classes, early_stop=True)

        def random(x: Tensor, y: Tensor, of: Tensor) -> Tensor:
            return square(model, x, y, threat=threat, queries=queries, early_stop=True, seed=seed, samples=samples[of])

        ranks = range(min(classes, rival.shape[1]))
        attempts: list[Callable[[Tensor, Tensor, Tensor], Tensor]] = [
            cross_entropy,
            *(partial(targeted, rank) for rank in ranks),
            boundary,
            random,
        ]
        found = images.detach().clone()
        standing = torch.arange(len(images), device=images.device)
        for number, attempt in enumerate(attempts):
            if not len(standing):
                break
            tried = attempt(images[standing], labels[standing], standing)
            fooled = oracle.logits(tried).argmax(1) != labels[standing]
            kept = fooled | (number == 0)
            found[standing[kept]] = tried[kept]
            standing = standing[~fooled]
    return found
