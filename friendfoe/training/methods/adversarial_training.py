"""Adversarial training: PGD-AT, FGSM-AT, TRADES and MART, each also with class-calibrated budgets.

PGD-AT (Madry et al. 2018): cross-entropy on PGD images. FGSM-AT in the form that can work (Wong et al. 2020): one step
of 1.25 eps from a random start. TRADES (Zhang et al. 2019) attacks the divergence from the clean answer; it starts
anywhere in the ball, not beside the image. MART (Wang et al. 2020) attacks as PGD-AT does.
"""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat, model_validator
from torch import Tensor, nn
from typing_extensions import Self

from friendfoe.attacks.losses import Loss, kl, log_odds
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import white_box
from friendfoe.training.calibration import Budgets, CalibrationConfig
from friendfoe.training.job import InnerAttack, Job, MethodConfig
from friendfoe.training.objectives import Objective, Perturb, TrainingBatch, unwrapped
from friendfoe.training.robust_losses import mart, trades

BETA = {"trades": 6.0, "mart": 5.0}  # of the papers
FAST = InnerAttack(steps=1, rel_step=1.25)  # FGSM-AT


class AdversarialTrainingConfig(MethodConfig):
    """Adversarial training."""

    method: Literal["adversarial-training"]
    objective: Literal["pgd-at", "fgsm-at", "trades", "mart"]
    beta: NonNegativeFloat | None = Field(
        default=None, description="weight of the robust term; null: 6 in TRADES, 5 in MART"
    )
    calibration: CalibrationConfig | None = Field(
        default=None, description="class-calibrated budgets; null: the same for all"
    )
    needs_eps: ClassVar[bool] = True
    needs_inner_attack: ClassVar[bool] = True

    @model_validator(mode="after")
    def _beta_has_a_term(self) -> Self:
        if self.beta is not None and self.objective not in BETA:
            raise ValueError(f"beta: {self.objective} has no second term to weigh")
        return self

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """The loss, against attacks of the job's size and steps."""
        return RobustObjective(self, *_attack(job), job.training.epochs)

    def held_out_attack(self, job: Job, replicate: int) -> Perturb:
        """PGD of the job's steps, whatever the model is trained against."""
        eps, attack = _attack(job)
        seed = job.held_out_seed(replicate)

        def perturb(network: nn.Module, images: Tensor, labels: Tensor, sample_ids: Tensor) -> Tensor:
            return pgd(
                network,
                images,
                labels,
                threat=Threat("linf", eps),
                steps=attack.steps,
                step_size=attack.rel_step * eps or None,
                early_stop=True,
                seed=seed,
                sample_ids=sample_ids,
            )

        return perturb


class RobustObjective:
    """The objective; it remembers the robust accuracy of each class for calibrated budgets.

    Args:
        config: which loss.
        eps: of the attack.
        attack: its steps.
        epochs: of the whole training.
    """

    def __init__(self, config: AdversarialTrainingConfig, eps: float, attack: InnerAttack, epochs: int) -> None:
        self._kind = config.objective
        self._eps = eps
        self._inner_attack = FAST if config.objective == "fgsm-at" else attack
        self._beta = BETA.get(config.objective, 0.0) if config.beta is None else config.beta
        self._budgets = Budgets(config.calibration, epochs) if config.calibration else None

    def __call__(self, network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        """Mean loss, and the logits [N, K] of the attacked images."""
        if self._budgets:
            self._budgets.begin(batch.epoch, batch.labels.device)
        attacked = self._attack(unwrapped(network), batch)
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

    def _attack(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        labels, loss = self._goal(network, batch)
        return pgd(
            network,
            batch.images,
            labels,
            threat=Threat("linf", self._eps),
            steps=self._inner_attack.steps,
            step_size=self._inner_attack.rel_step * self._eps or None,
            loss=loss,
            radii=self._eps * self._budgets.eps(batch.labels) if self._budgets else None,
            keep_best=False,
            seed=batch.seed,
            sample_ids=batch.sample_ids,
        )

    def _goal(self, network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Loss]:
        """What the attack moves away from: the labels, or the network's answers on the clean images."""
        if self._kind != "trades":
            return batch.labels, log_odds
        with white_box(network) as model:
            return model.logits(batch.images).softmax(1), kl

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the budgets."""
        return self._budgets.state_dict() if self._budgets else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        if self._budgets:
            self._budgets.load_state_dict(state)


def _attack(job: Job) -> tuple[float, InnerAttack]:
    assert job.eps is not None
    assert job.inner_attack is not None
    return job.eps, job.inner_attack
