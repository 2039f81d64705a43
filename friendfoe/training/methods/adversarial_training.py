"""Adversarial training: PGD-AT, FGSM-AT, TRADES and MART, each also calibrated by class.

PGD-AT (Madry et al. 2018): cross-entropy on PGD images. FGSM-AT in the form that can work (Wong et al. 2020): one step
of 1.25 eps from a random start. TRADES (Zhang et al. 2019) attacks the divergence from the clean answer; it starts
anywhere in the ball, not beside the image. MART (Wang et al. 2020) attacks as PGD-AT does.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, NonNegativeFloat, model_validator
from torch import Tensor, nn
from typing_extensions import Self

from friendfoe.attacks.losses import kl, log_odds
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import white_box
from friendfoe.training.calibration import Calibration, CalibrationConfig
from friendfoe.training.job import InnerAttack, Job, MethodConfig
from friendfoe.training.objectives import Objective, Perturbation, TrainingBatch

DEFAULT_BETA = CalibrationConfig().beta
FAST = InnerAttack(steps=1, rel_step=1.25)  # FGSM-AT
_ROUNDING = 1e-4  # of probabilities: keeps the logarithm finite where a rival has them all, as in MART's own code


class AdversarialTrainingConfig(MethodConfig):
    """Adversarial training."""

    method: Literal["adversarial-training"]
    objective: Literal["pgd-at", "fgsm-at", "trades", "mart"]
    beta: NonNegativeFloat | None = Field(
        default=None, description="weight of the robust term; null: 6 in TRADES, 5 in MART"
    )
    calibration: CalibrationConfig | None = Field(
        default=None, description="eps and beta of each class by its robustness; null: the same for all"
    )
    needs_eps: ClassVar[bool] = True
    needs_inner_attack: ClassVar[bool] = True

    @model_validator(mode="after")
    def _beta_has_a_term(self) -> Self:
        if self.beta is not None and self.objective not in TWO_TERMS:
            raise ValueError(f"beta: {self.objective} has no second term to weigh")
        if self.calibration and self.calibration.beta != DEFAULT_BETA and self.objective not in TWO_TERMS:
            raise ValueError(f"calibration.beta: {self.objective} has no second term to weigh")
        return self

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """The loss, against attacks of the job's size and steps."""
        return RobustObjective(self, *job.attacker, job.training.epochs)

    def held_out_attack(self, job: Job, replicate: int) -> Perturbation:
        """PGD of the job's steps, whatever the model is trained against."""
        attack, seed = _pgd(*job.attacker), job.held_out_seed(replicate)
        return lambda network, images, labels, sample_ids: attack(
            network, images, labels, early_stop=True, seed=seed, sample_ids=sample_ids
        )


class RobustObjective:
    """The objective; it remembers the robust accuracy of each class where it is calibrated.

    Args:
        config: which loss.
        eps: of the attack.
        attack: its steps.
        epochs: of the whole training.
    """

    def __init__(self, config: AdversarialTrainingConfig, eps: float, attack: InnerAttack, epochs: int) -> None:
        self._kind = config.objective
        self._eps = eps
        self._pgd = _pgd(eps, FAST if config.objective == "fgsm-at" else attack)
        self._losses: Callable[..., Tensor] | None
        self._losses, beta = TWO_TERMS.get(config.objective, (None, 0.0))
        self._beta = beta if config.beta is None else config.beta
        self._calibration = Calibration(config.calibration, epochs) if config.calibration else None

    def __call__(self, network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        """Mean loss, and the logits [N, K] of the attacked images."""
        if self._calibration:
            self._calibration.begin(batch.epoch, batch.labels.device)
        attacked = self._attack(network, batch)
        if self._losses is None:
            logits = network(attacked)
            losses = F.cross_entropy(logits, batch.labels, reduction="none")
        else:
            clean, logits = network(batch.images), network(attacked)
            share = self._calibration.beta(batch.labels) if self._calibration else torch.ones_like(clean[:, 0])
            beta = self._beta * share
            losses = self._losses(clean, logits, batch.labels, beta)
            losses = losses * ((1 + self._beta) / (1 + beta))  # a class is to weigh the same whatever its beta
        if self._calibration:
            self._calibration.count(logits.detach(), batch.labels)
        return losses.mean(), logits

    def phase(self, epoch: int, device: torch.device) -> bool:
        """Whether classes are attacked alike, or as their accuracies say."""
        return self._calibration.begin(epoch, device) if self._calibration else False

    def _attack(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        """The attacked images; away from the labels, or in TRADES from the network's answers on the clean images."""
        labels, loss = batch.labels, log_odds
        if self._kind == "trades":
            with white_box(network) as model:
                labels, loss = model.logits(batch.images).softmax(1), kl
        radii = self._eps * self._calibration.eps(batch.labels) if self._calibration else None
        attack = partial(self._pgd, loss=loss, radii=radii, keep_best=False)
        return attack(network, batch.images, labels, seed=batch.seed, sample_ids=batch.sample_ids)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the calibration."""
        return self._calibration.state_dict() if self._calibration else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        if self._calibration:
            self._calibration.load_state_dict(state)


def trades(clean: Tensor, adversarial: Tensor, labels: Tensor, beta: Tensor) -> Tensor:
    """CE(p(x), y) + beta KL(p(x) || p(x')), [N] (Zhang et al. 2019, equation 5).

    Args:
        clean: logits [N, K] of the images.
        adversarial: logits [N, K] of the attacked images.
        labels: int64 [N].
        beta: [N], the weight of the robust term.
    """
    clean, adversarial = _precise(clean), _precise(adversarial)
    return F.cross_entropy(clean, labels, reduction="none") + beta * _divergence(clean, adversarial)


def mart(clean: Tensor, adversarial: Tensor, labels: Tensor, beta: Tensor) -> Tensor:
    """BCE(p(x'), y) + beta KL(p(x) || p(x')) (1 - p_y(x)), [N] (Wang et al. 2020, equation 10).

    BCE is -log p_y(x') - log(1 - the highest p_k(x') of a rival). Arguments as in `trades`.
    """
    clean, adversarial = _precise(clean), _precise(adversarial)
    column = labels.unsqueeze(1)
    rival = adversarial.softmax(1).scatter(1, column, -1.0).amax(1)
    boosted = F.cross_entropy(adversarial, labels, reduction="none") - (1 + _ROUNDING - rival).log()
    unsure = 1 - clean.softmax(1).gather(1, column).squeeze(1)
    return boosted + beta * _divergence(clean, adversarial) * unsure


TWO_TERMS: dict[str, tuple[Callable[..., Tensor], float]] = {"trades": (trades, 6.0), "mart": (mart, 5.0)}
"""Losses with a robust term, and the weight (beta) that their papers give it."""


def _divergence(clean: Tensor, adversarial: Tensor) -> Tensor:
    """KL(p(x) || p(x')), [N], of two sets of logits [N, K]."""
    return F.kl_div(adversarial.log_softmax(1), clean.log_softmax(1), reduction="none", log_target=True).sum(1)


def _precise(logits: Tensor) -> Tensor:
    """In float32 at least: in bfloat16, 1 minus a probability near 1 is 0, and its logarithm infinite."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _pgd(eps: float, attack: InnerAttack) -> partial[Tensor]:
    """PGD of so many steps within eps."""
    return partial(pgd, threat=Threat("linf", eps), steps=attack.steps, step_size=attack.rel_step * eps or None)
