"""Training on several distributions of images, each through its own batch norm (Xie et al. 2020, arXiv 1911.09665).

One objective for all that the paper compares. It minimises the mean of the cross-entropies over the distributions of
the recipe: clean images alone (vanilla); clean and adversarial ones through one batch norm, in one batch (adversarial
training); the adversarial ones through an auxiliary one (AdvProp); further distributions through further ones
(fine-grained AdvProp); adversarial ones alone, then clean ones (Madry et al. 2018, and fine-tuning).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from friendfoe import params
from friendfoe.attacks.noise import uniform
from friendfoe.attacks.projected import pgd
from friendfoe.attacks.threat import Threat
from friendfoe.models.branches import MAIN, add_branches, branch
from friendfoe.runtime.errors import UserError
from friendfoe.tailored import Crafting
from friendfoe.training.augmentation import augmented
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import Batch, Objective
from friendfoe.training.recipes import AdvProp, Distribution

TARGETS = 7  # stream of the random targets; random starts and augmentation draw from others


def objective(p: params.Params, data: str, model: str, replicate: int) -> Objective:
    """The distributions of the model's recipe; attacks of the size and the steps of its study.

    Raises:
        UserError: the study has no network sizes on this data set.
    """
    recipe = p.models[model]
    assert isinstance(recipe, AdvProp)
    of = params.tailored(p, data, recipe.study)
    if not of.sizes:
        place = f"params.yaml: data.{data}.studies.{recipe.study}.sizes"
        raise UserError(f"{place}: it is missing; name the network sizes to compare, as the other data sets do")
    return Training(recipe, of.eps, of.crafting, params.training(p, data, model).epochs)


def prepare(p: params.Params, data: str, model: str, network: nn.Module) -> None:
    """Give the network the auxiliary branches of the model's recipe.

    Raises:
        UserError: it has no batch norm.
    """
    recipe = p.models[model]
    assert isinstance(recipe, AdvProp)
    try:
        add_branches(network, recipe.auxiliary, shared_affine=recipe.affine == "shared")
    except ValueError as error:
        kind = params.network(p, data, model).kind
        raise UserError(f"params.yaml: models.{model} with the network '{kind}': {error}") from None


class Training:
    """The mean loss over the distributions; those of one branch pass through it in one batch.

    Args:
        recipe: the distributions and their branches.
        eps: of the attacker.
        crafting: its steps.
        epochs: of the whole training.
    """

    def __init__(self, recipe: AdvProp, eps: float, crafting: Crafting, epochs: int) -> None:
        self._distributions = recipe.distributions
        self._eps, self._crafting = eps, crafting
        self._clean_from = epochs - round(recipe.fine_tuning * epochs)
        self._classes = 0

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean loss, and the logits [N, K] of the first distribution that the main branch sees."""
        if batch.epoch >= self._clean_from:
            return cross_entropy(network, batch)
        alone = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
        made: dict[str, list[Tensor]] = {}
        for distribution in self._distributions:
            made.setdefault(distribution.branch, []).append(self._images(distribution, alone, batch))
        losses, answers = [], {}
        for name, images in made.items():
            with branch(alone, name):
                logits = network(torch.cat(images) if len(images) > 1 else images[0])
            losses.append(F.cross_entropy(logits, batch.labels.repeat(len(images))) * len(images))
            answers[name] = logits[: len(batch.labels)]
        return torch.stack(losses).sum() / len(self._distributions), answers[MAIN]

    def _images(self, distribution: Distribution, network: nn.Module, batch: Batch) -> Tensor:
        if distribution.images == "clean":
            return batch.images
        if distribution.images == "augmented":
            return augmented(distribution.augmentation, batch.images, batch.samples, batch.seed)
        eps = self._eps * distribution.strength
        step = self._crafting.step * self._crafting.steps / (distribution.steps or self._crafting.steps)
        with branch(network, distribution.branch):
            return pgd(
                network,
                batch.images,
                batch.labels,
                threat=Threat("linf", eps),
                steps=distribution.steps or self._crafting.steps,
                step_size=step * eps or None,
                targets=self._targets(network, batch),
                keep_best=False,
                seed=batch.seed,
                samples=batch.samples,
            )

    def _targets(self, network: nn.Module, batch: Batch) -> Tensor:
        """A random wrong class for each image, int64 [N]."""
        self._classes = self._classes or _classes(network, batch.images)
        drawn = uniform(batch.seed, batch.samples, 1, stream=TARGETS).squeeze(1)
        return (batch.labels + 1 + (drawn * (self._classes - 1)).long()) % self._classes


@torch.no_grad()
def _classes(network: nn.Module, images: Tensor) -> int:
    """How many logits the network gives."""
    network.eval()
    try:
        return int(network(images[:1]).shape[1])
    finally:
        network.train()
