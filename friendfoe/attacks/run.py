"""From a recipe to the attack that it names."""

from contextlib import nullcontext

import torch
from torch import Tensor

from friendfoe.attacks import recipes
from friendfoe.attacks.auto_pgd import apgd
from friendfoe.attacks.boundary import fab_t
from friendfoe.attacks.carlini_wagner import cw_l2
from friendfoe.attacks.contract import Model, check_images
from friendfoe.attacks.control import random_noise
from friendfoe.attacks.ensemble import autoattack
from friendfoe.attacks.losses import Loss, log_odds, log_odds_at, margin, softmax_cross_entropy
from friendfoe.attacks.oracle import crafting
from friendfoe.attacks.patch import square_patch
from friendfoe.attacks.projected import pgd
from friendfoe.attacks.random_search import square
from friendfoe.attacks.saliency import jsma
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.variants import assist, fgsm


def craft(
    recipe: recipes.Recipe,
    model: Model,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    seed: int,
    samples: Tensor | None = None,
    early_stop: bool = False,
) -> Tensor:
    """Perturb images as a recipe says.

    Args:
        recipe: which attack, and its settings.
        model: gives logits [N, K].
        images: floating [N, C, H, W] in [0, 1].
        labels: int64 [N].
        eps: size of the perturbation, unless the recipe has its own.
        seed: of all that the attack draws.
        samples: int64 [N], the identity of each image; its place in the batch where not given.
        early_stop: stop working on a sample once the model does not predict its label, for verdicts: whether a sample
            has fallen is to be asked of the image that is returned, and nothing else about that image counts.

    Returns:
        Perturbed images, like ``images``.

    Raises:
        ValueError: naming the argument that is wrong.
    """
    eps = eps if recipe.eps is None else recipe.eps
    if getattr(recipe, "label", "given") == "own":
        labels = _answers(model, images)
    low = getattr(recipe, "precision", "float32") == "bfloat16"
    with torch.autocast(images.device.type, torch.bfloat16) if low else nullcontext():
        return _run(recipe, model, images, labels, eps, seed, samples, early_stop)


def _run(
    recipe: recipes.Recipe,
    model: Model,
    images: Tensor,
    labels: Tensor,
    eps: float,
    seed: int,
    samples: Tensor | None,
    early_stop: bool,
) -> Tensor:
    match recipe:
        case recipes.Noise(norm=norm, kind=kind, clip=clip):
            return random_noise(images, threat=Threat(norm, eps), kind=kind, seed=seed, samples=samples, clip=clip)
        case recipes.Fgsm(norm=norm, goal=goal, patch=patch, clip=clip):
            mask = _mask(patch, images)
            return fgsm(model, images, labels, threat=Threat(norm, eps), goal=goal, mask=mask, clip=clip)
        case recipes.Assist(norm=norm, steps=steps, step=step, patch=patch):
            size = None if step is None else _size(step, eps)
            mask = _mask(patch, images)
            return assist(model, images, labels, threat=Threat(norm, eps), steps=steps, step_size=size, mask=mask)
        case recipes.Descent():
            return pgd(
                model,
                images,
                labels,
                threat=Threat(recipe.norm, eps),
                goal=recipe.goal,
                steps=recipe.steps,
                step_size=_size(recipe.step, eps),
                random_start=recipe.random_start,
                restarts=recipe.restarts,
                loss=_loss(recipe),
                mask=_mask(recipe.patch, images),
                keep_best=recipe.keep_best and not early_stop,
                early_stop=early_stop,
                seed=seed,
                samples=samples,
            )
        case recipes.Apgd(norm=norm, loss=loss, steps=steps, restarts=restarts):
            return apgd(
                model,
                images,
                labels,
                threat=Threat(norm, eps),
                steps=steps,
                restarts=restarts,
                loss=loss,
                early_stop=early_stop,
                seed=seed,
                samples=samples,
            )
        case recipes.FabT(norm=norm, steps=steps, classes=classes):
            threat = Threat(norm, eps)
            return fab_t(model, images, labels, threat=threat, steps=steps, classes=classes, early_stop=early_stop)
        case recipes.Square(norm=norm, queries=queries):
            return square(
                model,
                images,
                labels,
                threat=Threat(norm, eps),
                queries=queries,
                early_stop=early_stop,
                seed=seed,
                samples=samples,
            )
        case recipes.AutoAttack(norm=norm, steps=steps, classes=classes, queries=queries):
            return autoattack(
                model,
                images,
                labels,
                threat=Threat(norm, eps),
                steps=steps,
                classes=classes,
                queries=queries,
                seed=seed,
                samples=samples,
            )
        case recipes.CwL2():
            return cw_l2(
                model,
                images,
                labels,
                threat=Threat("l2", eps),
                steps=recipe.steps,
                searches=recipe.searches,
                weight=recipe.weight,
                rate=recipe.rate,
                confidence=recipe.confidence,
            )
        case recipes.Jsma(output=output, temperature=temperature):
            return jsma(model, images, labels, threat=Threat("l0", eps), output=output, temperature=temperature)


def _answers(model: Model, images: Tensor) -> Tensor:
    """The classes that the model predicts, int64 [N]."""
    check_images(images)
    if not len(images):
        return torch.zeros(0, dtype=torch.int64, device=images.device)
    with crafting(model) as oracle:
        return oracle.logits(images).argmax(1)


def _loss(recipe: recipes.Descent) -> Loss:
    if isinstance(recipe, recipes.TemperaturePgd):
        return log_odds_at(recipe.temperature)
    if isinstance(recipe, recipes.Pgd) and recipe.loss == "softmax":
        return softmax_cross_entropy
    return margin if isinstance(recipe, recipes.MarginPgd) else log_odds


def _size(share: float, eps: float) -> float | None:
    """The step in the unit of eps; none where eps is 0, for steps have to be above 0."""
    return share * eps or None


def _mask(patch: recipes.Patch | None, images: Tensor) -> Tensor | None:
    if patch is None:
        return None
    height, width = images.shape[2:]
    side = max(1, round(patch.side * min(height, width)))
    return square_patch((height, width), side, round(patch.top * (height - side)), round(patch.left * (width - side)))
