"""The attacks of the checks: PGD, and what differs from it in one thing each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from friendfoe.attacks.apgd import Climbed, apgd
from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.contract import Model
from friendfoe.attacks.craft import craft
from friendfoe.attacks.fgsm import fgsm
from friendfoe.attacks.losses import margin, rivals, softmax_cross_entropy
from friendfoe.attacks.noise import random_noise
from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.square import square
from friendfoe.attacks.threat import Norm, Threat
from friendfoe.evaluation.check_budget import CheckBudget
from friendfoe.evaluation.gradient_masking.attacked import Attack, Attacked

SHARES = (0.25, 0.5, 1.0, 2.0)  # of eps
STEP_SIZES = (0.1, 0.5)  # as shares of eps, besides the usual quarter

PGD, SOFTMAX, ONE_STEP, NOISE, UNBOUNDED = (
    "PGD", "PGD on the softmax", "one step", "random noise", "PGD without bound",
)  # fmt: skip
LONGER, REPEATED, STEPPED, MARGIN, TARGETED = (
    "more steps", "more restarts", "other step sizes", "PGD on the margin", "targeted APGD",
)  # fmt: skip
TRANSFER, SQUARE, REPORTED, WHITE_BOX, WORST = (
    "transferred images", "Square", "the reported attack", "all attacks with gradients", "the worst case",
)  # fmt: skip


def at(attack: str, size: float) -> str:
    """The name of an attack with so much of eps."""
    return attack if size == 1 else f"{attack}, {size:g} eps"


def largest(norm: Norm, features: int) -> float:
    """The radius of a ball around any image that holds all images."""
    return 1.0 if norm == "linf" else features**0.5


@dataclass(frozen=True)
class Attacks:
    """Runs attacks on `attacked`; the rest are arguments of `examine`."""

    model: Model
    attacked: Attacked
    threat: Threat  # of linf or l2
    budget: CheckBudget
    reported: AttackConfig | None
    sources: Mapping[str, Model]
    seed: int

    def run(self) -> None:
        """All of them. Those that are asked what others left attack only that, so that they name the worst of both."""
        attacked, under, budget = self.attacked, self.attacked.under, self.budget
        for size in SHARES:
            under(at(PGD, size), self._pgd(size))
        under(SOFTMAX, self._pgd(loss=softmax_cross_entropy))
        under(ONE_STEP, self._one_step)
        left = attacked.standing[PGD]
        under(LONGER, self._pgd(steps=budget.more_steps), left)
        under(REPEATED, self._pgd(restarts=max(1, budget.restarts - 1), seed=self.seed + 1), left)
        for size in STEP_SIZES:
            left = under(STEPPED, self._pgd(step_size=size * self.threat.eps), left)
        under(MARGIN, self._pgd(loss=margin), attacked.standing[PGD])
        found = [PGD, SOFTMAX, ONE_STEP, LONGER, REPEATED, STEPPED, MARGIN]
        under(TARGETED, self._targeted, attacked.worst(found))
        attacked.standing[WHITE_BOX] = attacked.worst([*found, TARGETED])
        self._without_gradients()
        under(UNBOUNDED, self._pgd(threat=self.unbounded))
        under(self.second, self._pgd(threat=self.around))
        if self.reported is not None:
            for size in (0.5, 1.0) if self.reported.eps is None else (1.0,):
                under(at(REPORTED, size), partial(self._as_reported, self.reported, size * self.threat.eps))
        strongest = {WHITE_BOX, NOISE, TRANSFER, SQUARE, REPORTED} & attacked.standing.keys()
        attacked.standing[WORST] = attacked.worst(strongest)

    @property
    def around(self) -> Threat:
        """The smallest ball of the other norm that holds this one."""
        if self.threat.norm == "linf":
            return Threat("l2", float(self.threat.eps * self.attacked.images[0].numel() ** 0.5))
        return Threat("linf", min(1.0, self.threat.eps))

    @property
    def second(self) -> str:
        """PGD in that ball."""
        return f"PGD in {self.around.norm}"

    @property
    def unbounded(self) -> Threat:
        """A ball that holds all images."""
        return Threat(self.threat.norm, largest(self.threat.norm, self.attacked.images[0].numel()))

    def climb(self, steps: int) -> Attack:
        """PGD that keeps its last image, whatever became of it on the way."""
        return self._pgd(steps=steps, keep_best=False, early_stop=False, step_size=self.threat.eps / 4)

    def _pgd(self, size: float = 1.0, **changed: Any) -> Attack:
        """PGD with so much of eps, which stops where it succeeds."""
        threat = Threat(self.threat.norm, min(self.unbounded.eps, size * self.threat.eps))
        usual: dict[str, Any] = {"threat": threat, "steps": self.budget.steps, "early_stop": True, "seed": self.seed}
        return partial(pgd, self.model, **usual | changed)

    def _one_step(self, images: Tensor, labels: Tensor, *, sample_ids: Tensor) -> Tensor:
        return fgsm(self.model, images, labels, threat=self.threat)

    def _targeted(self, images: Tensor, labels: Tensor, *, sample_ids: Tensor) -> Tensor:
        """APGD towards each of the likeliest rivals until one is answered; on DLR where there are enough classes."""
        box = self.attacked.answers
        targets = rivals(box.logits(images), labels)
        loss: Climbed = "dlr" if box.known >= 4 else "cross_entropy"
        climb = partial(apgd, self.model, threat=self.threat, steps=self.budget.steps, loss=loss)
        perturbed, standing = images.clone(), torch.arange(len(images), device=images.device)
        for target in targets[:, : self.budget.targets].unbind(1):
            towards = partial(climb, targets=target[standing], early_stop=True, seed=self.seed)
            truth = labels[standing]
            perturbed[standing] = climbed = towards(images[standing], truth, sample_ids=sample_ids[standing])
            standing = standing[box.logits(climbed).argmax(1) == truth]
            if not len(standing):
                break
        return perturbed

    def _without_gradients(self) -> None:
        """Noise, images of other models, and Square where all attacks with gradients have failed."""
        attacked, threat = self.attacked, self.threat
        attacked.under(NOISE, partial(self._noise, threat))
        names = {f"{TRANSFER} of {name}": source for name, source in self.sources.items()}
        for name, source in names.items():
            attacked.under(name, partial(pgd, source, threat=threat, steps=self.budget.steps, seed=self.seed))
        if names:
            attacked.standing[TRANSFER] = attacked.worst(names)
        search = partial(square, self.model, threat=threat, n_queries=self.budget.queries, early_stop=True)
        attacked.under(SQUARE, partial(search, seed=self.seed), attacked.standing[WHITE_BOX])

    def _noise(self, threat: Threat, images: Tensor, labels: Tensor, *, sample_ids: Tensor) -> Tensor:
        return random_noise(images, threat=threat, seed=self.seed, sample_ids=sample_ids)

    def _as_reported(
        self, config: AttackConfig, eps: float, images: Tensor, labels: Tensor, *, sample_ids: Tensor
    ) -> Tensor:
        run = partial(craft, config, self.model, eps=eps, seed=self.seed, early_stop=True)
        return run(images, labels, sample_ids=sample_ids)
