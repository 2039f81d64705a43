"""Training on several distributions of images, each through its own batch norm (Xie et al. 2020, arXiv 1911.09665).

One objective for all that the paper compares. It minimises the mean of the cross-entropies over the distributions of
the method, by their weights, which are alike unless params say otherwise: clean images alone (vanilla); clean and
adversarial ones through one batch norm, in one batch (adversarial training); the adversarial ones through an auxiliary
one (AdvProp); further distributions through further ones (fine-grained AdvProp); adversarial ones alone, then clean
ones (Madry et al. 2018, and fine-tuning).
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat, model_validator
from torch import Tensor, nn
from typing_extensions import Self

from friendfoe.attacks.pgd import pgd
from friendfoe.attacks.threat import Threat
from friendfoe.attacks.white_box import white_box
from friendfoe.models.branches import MAIN, add_branches, branch
from friendfoe.runtime.draws import uniform
from friendfoe.runtime.strict import Count, Strict
from friendfoe.training.augmentation import augmented
from friendfoe.training.job import Augmentation, InnerAttack, Job, MethodConfig, Name
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import Objective, TrainingBatch

TARGETS = 7  # stream of the random targets; random starts and augmentation draw from others
Strength = Annotated[float, Field(ge=0, le=1000)]


class Distribution(Strict):
    """Images of one kind that a network learns from, and the batch norm that they pass through."""

    images: Literal["clean", "augmented", "adversarial"]
    branch: Name = Field(default="main", description="`main` is the one that is kept after training")
    augmentation: Augmentation | None = Field(default=None, description="of augmented images")
    strength: Strength = Field(default=1.0, description="of adversarial images: factor on the study's eps")
    steps: Count | None = Field(
        default=None, description="of the attacker, who goes as far with them as with the study's steps; null: those"
    )
    weight: PositiveFloat = Field(
        default=1.0, le=1000, description="of its loss in the mean over distributions; the weights' sum changes nothing"
    )

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if (self.images == "augmented") != (self.augmentation is not None):
            raise ValueError("augmentation: augmented images have one, and no others")
        if self.images != "adversarial" and (self.strength != 1 or self.steps is not None):
            raise ValueError("strength, steps: only adversarial images have an attacker")
        return self


class Sweep(Strict):
    """Attackers of other strength, each of which the model is trained with."""

    strengths: list[Strength] = Field(description="factors on the study's eps")
    steps: list[Count] = Field(description="steps, at the study's eps")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for values in (self.strengths, self.steps):
            if not values or len({f"{value:g}" for value in values}) < len(values):
                raise ValueError("strengths, steps: name at least one of each, and each once")
        return self


class AdvPropConfig(MethodConfig):
    """Cross-entropy on several distributions of images, with a batch norm for each or one for several."""

    method: Literal["advprop"]
    distributions: list[Distribution] = Field(min_length=1, description="the loss is the mean of theirs")
    affine: Literal["separate", "shared"] = Field(
        default="separate", description="scale and shift of the batch norms; shared: they differ in statistics alone"
    )
    fine_tuning: float = Field(
        default=0, ge=0, lt=1, description="share of the epochs, the last, on clean images alone"
    )
    sweep: Sweep | None = Field(default=None, description="train one network against attackers of other strength")
    needs_eps: ClassVar[bool] = True
    needs_inner_attack: ClassVar[bool] = True

    @model_validator(mode="after")
    def _main_is_trained(self) -> Self:
        if self.sweep is not None and all(distribution.images != "adversarial" for distribution in self.distributions):
            raise ValueError("sweep: needs adversarial images among the distributions")
        if all(distribution.branch != MAIN for distribution in self.distributions):
            raise ValueError("distributions: none passes through `main`, the branch that is kept")
        return self

    def check(self, job: Job, jobs: Mapping[str, Job]) -> None:
        """Refuse a model that is trained at no size."""
        if not job.variants:
            raise ValueError("there are no network sizes on this data set; name those to compare under `sizes`")

    def variants(self) -> dict[str, MethodConfig]:
        """The method with every attacker of the sweep."""
        if self.sweep is None:
            return {}
        settings: dict[str, dict[str, float]] = {
            **{f"strength-{value:g}": {"strength": value} for value in self.sweep.strengths},
            **{f"steps-{value}": {"steps": value} for value in self.sweep.steps},
        }
        return {name: self._attacked(attacker) for name, attacker in settings.items()}

    def _attacked(self, attacker: dict[str, float]) -> MethodConfig:
        distributions = [
            distribution.model_copy(update=attacker) if distribution.images == "adversarial" else distribution
            for distribution in self.distributions
        ]
        return self.model_copy(update={"distributions": distributions, "sweep": None})

    @property
    def augmentations(self) -> list[Augmentation | None]:
        """Those of its augmented images."""
        return [distribution.augmentation for distribution in self.distributions]

    def prepare(self, network: nn.Module) -> None:
        """Give the network the auxiliary branches."""
        branches = dict.fromkeys(part.branch for part in self.distributions if part.branch != MAIN)
        add_branches(network, list(branches), shared_affine=self.affine == "shared")

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """The mean loss over the distributions, against attacks of the job's size and steps."""
        return AdvPropObjective(self, *job.attacker, job.training.epochs)


class AdvPropObjective:
    """The mean loss over the distributions; those of one branch pass through it in one batch.

    Args:
        config: the distributions and their branches.
        eps: of the attacker.
        attack: its steps.
        epochs: of the whole training.
    """

    def __init__(self, config: AdvPropConfig, eps: float, attack: InnerAttack, epochs: int) -> None:
        self._distributions = config.distributions
        self._eps, self._attack = eps, attack
        self._clean_from = epochs - round(config.fine_tuning * epochs)
        self._classes = 0

    def __call__(self, network: nn.Module, batch: TrainingBatch) -> tuple[Tensor, Tensor]:
        """Mean loss, and the logits [N, K] of the first distribution that the main branch sees."""
        if batch.epoch >= self._clean_from:
            return cross_entropy(network, batch)
        inputs: dict[str, list[tuple[float, Tensor]]] = {}
        for distribution in self._distributions:
            images = self._images(distribution, network, batch)
            inputs.setdefault(distribution.branch, []).append((distribution.weight, images))
        losses, answers = [], {}
        for name, parts in inputs.items():
            with branch(network, name):
                logits = network(torch.cat([images for _, images in parts])).chunk(len(parts))
            losses += [w * F.cross_entropy(part, batch.labels) for (w, _), part in zip(parts, logits, strict=True)]
            answers[name] = logits[0]
        total = sum(distribution.weight for distribution in self._distributions)
        return torch.stack(losses).sum() / total, answers[MAIN]

    def phase(self, epoch: int, device: torch.device) -> bool:
        """The last is that of fine-tuning."""
        return epoch >= self._clean_from

    def _images(self, distribution: Distribution, network: nn.Module, batch: TrainingBatch) -> Tensor:
        if distribution.images == "clean":
            return batch.images
        if distribution.images == "augmented":
            return augmented(distribution.augmentation, batch.images, batch.sample_ids, batch.seed)
        eps = self._eps * distribution.strength
        if eps == 0:
            return batch.images
        step = self._attack.rel_step * self._attack.steps / (distribution.steps or self._attack.steps)
        with branch(network, distribution.branch):
            return pgd(
                network,
                batch.images,
                batch.labels,
                threat=Threat("linf", eps),
                steps=distribution.steps or self._attack.steps,
                step_size=step * eps,
                targets=self._targets(network, batch),
                keep_best=False,
                seed=batch.seed,
                sample_ids=batch.sample_ids,
            )

    def _targets(self, network: nn.Module, batch: TrainingBatch) -> Tensor:
        """A random wrong class for each image, int64 [N]."""
        if not self._classes:
            with white_box(network) as model:
                self._classes = model.logits(batch.images[:1]).shape[1]
        draws = uniform(batch.seed, batch.sample_ids, 1, stream=TARGETS).squeeze(1)
        return (batch.labels + 1 + (draws * (self._classes - 1)).long()) % self._classes
