"""Adversarial training: PGD-AT, FGSM-AT, TRADES and MART, each also with class-calibrated budgets.

PGD-AT (Madry et al. 2018): cross-entropy on PGD images. FGSM-AT in the form that can work (Wong et al. 2020): one step
of 1.25 eps from a random start. TRADES (Zhang et al. 2019) attacks the divergence from the clean answer; it starts
anywhere in the ball, not beside the image. MART (Wang et al. 2020) attacks as PGD-AT does.
"""

from typing import Any

import torch
from torch import Tensor, nn

from friendfoe import params, runtime
from friendfoe.attacks.losses import Loss, kl, log_odds
from friendfoe.attacks.oracle import crafting
from friendfoe.attacks.projected import pgd
from friendfoe.attacks.threat import Threat
from friendfoe.tailored import Crafting, Tailored
from friendfoe.training.calibration import Budgets
from friendfoe.training.objectives import Batch, Objective, Perturb
from friendfoe.training.recipes import Defence
from friendfoe.training.robust_losses import mart, trades

BETA = {"trades": 6.0, "mart": 5.0}  # of the papers
FAST = Crafting(steps=1, step=1.25)  # FGSM-AT


def objective(p: params.Params, data: str, model: str, replicate: int) -> Objective:
    """The loss of the model's recipe, against attacks of the size and the steps of its study."""
    recipe = p.models[model]
    assert isinstance(recipe, Defence)
    return Training(recipe, params.tailored(p, data, recipe.study), params.training(p, data, model).epochs)


def validation(p: params.Params, data: str, model: str, replicate: int) -> Perturb:
    """PGD of the study's steps, whatever the model is trained against."""
    of = params.tailored(p, data, params.study_of(p, model))
    seed = runtime.seed(p.data[data].seed, data, "validation", replicate)

    def attack(network: nn.Module, images: Tensor, labels: Tensor, samples: Tensor) -> Tensor:
        return pgd(
            network,
            images,
            labels,
            threat=Threat("linf", of.eps),
            steps=of.crafting.steps,
            step_size=of.crafting.step * of.eps or None,
            early_stop=True,
            seed=seed,
            samples=samples,
        )

    return attack


class Training:
    """The objective of adversarial training; it remembers the robust accuracy of each class for calibrated budgets."""

    def __init__(self, recipe: Defence, of: Tailored, epochs: int) -> None:
        self._kind = recipe.objective
        self._eps = of.eps
        self._crafting = FAST if recipe.objective == "fgsm-at" else of.crafting
        self._beta = BETA.get(recipe.objective, 0.0) if recipe.beta is None else recipe.beta
        self._budgets = Budgets(recipe.calibration, epochs) if recipe.calibration else None

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean loss, and the logits [N, K] of the attacked images."""
        if self._budgets:
            self._budgets.begin(batch.epoch, batch.labels.device)
        attacked = self._attack(network, batch)
        if self._kind in ("pgd-at", "fgsm-at"):
            logits = network(attacked)
            losses = nn.functional.cross_entropy(logits, batch.labels, reduction="none")
        else:
            clean, logits = network(batch.images), network(attacked)
            share = self._budgets.beta(batch.labels) if self._budgets else torch.ones_like(clean[:, 0])
            beta = self._beta * share
            losses = (trades if self._kind == "trades" else mart)(clean, logits, batch.labels, beta)
            losses = losses * ((1 + self._beta) / (1 + beta))  # a class is to weigh the same whatever its beta
        if self._budgets:
            self._budgets.count(logits.detach(), batch.labels)
        return losses.mean(), logits

    def _attack(self, network: nn.Module, batch: Batch) -> Tensor:
        alone = network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network
        labels, loss = self._goal(alone, batch)
        return pgd(
            alone,
            batch.images,
            labels,
            threat=Threat("linf", self._eps),
            steps=self._crafting.steps,
            step_size=self._crafting.step * self._eps or None,
            loss=loss,
            radii=self._eps * self._budgets.eps(batch.labels) if self._budgets else None,
            keep_best=False,
            seed=batch.seed,
            samples=batch.samples,
        )

    def _goal(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Loss]:
        """What the attack moves away from: the labels, or the network's answers on the clean images."""
        if self._kind != "trades":
            return batch.labels, log_odds
        with crafting(network) as oracle:
            return oracle.logits(batch.images).softmax(1), kl

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the budgets."""
        return self._budgets.state_dict() if self._budgets else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        if self._budgets:
            self._budgets.load_state_dict(state)
