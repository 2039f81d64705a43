"""What is trained: a job, as the plan writes it down for every model, with all its settings resolved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    SerializeAsAny,
    StringConstraints,
    model_validator,
)
from typing_extensions import Self

from friendfoe.models.config import NetworkConfig
from friendfoe.runtime import seed
from friendfoe.runtime.kinds import Kind
from friendfoe.runtime.strict import Count, Strict

if TYPE_CHECKING:
    from torch import nn

    from friendfoe.training.objectives import Objective, Perturbation

RESERVED = frozenset(
    {
        *("train", "test", "own", "self", "source", "all"),  # params mean something by them
        *("null", "nan", "na", "true", "false", "yes", "no", "on", "off", "inf", "infinity"),  # in YAML or CSV no text
        *("size", "nfiles"),  # left out by DVC where it compares
    }
)


def _not_reserved(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"'{name}' means something else; take another name")
    return name


REPLICATE = "{replicate}"
"""Stands for the replicate's number in the name of a file."""

# plain words, so that DVC's stage names (STAGE@DATA-MODEL) stay readable, and that never look like numbers
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(-[a-z0-9_]+)*$", max_length=60)]
Name = Annotated[Word, AfterValidator(_not_reserved)]
Share = Annotated[float, Field(gt=0, le=1)]

Augmentation = Literal["crop-flip", "autoaugment", "randaugment", "augmix"]


class ValidationConfig(Strict):
    """Training images that are held out; the epoch is kept that does best on them, under the method's own attack."""

    share: float = Field(default=0.1, gt=0, lt=1, description="of the training images")
    patience: Count | None = Field(default=None, description="epochs without a better one before training stops")
    retrain: bool = Field(default=False, description="then train as many epochs on all images, from the start")
    collapse: float = Field(
        default=0.5, ge=0, lt=1, description="training stops, too, where the accuracy falls below so much of the best"
    )


class AveragingConfig(Strict):
    """Averaged weights, which are tested, selected and kept in place of the network's own; they move once an epoch."""

    remains: float = Field(gt=0, lt=1, description="share of the average that remains after an epoch")
    threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="weights enter the average only if the weakest class of the held-out images has this accuracy "
        "under the method's own attack; null: those of every epoch",
    )


class TrainingConfig(Strict):
    """How long and with what optimiser a network is trained: its budget."""

    epochs: Count
    batch: Count = Field(description="images per step")
    optimizer: Literal["sgd", "adam", "adamw"] = Field(
        description="sgd is with Nesterov momentum; adam adds weight decay to the gradient, adamw shrinks the weights"
    )
    learning_rate: float = Field(ge=1e-12, le=1000, description="the highest of the schedule")
    momentum: NonNegativeFloat = Field(default=0.9, lt=1, description="of sgd, or beta 1 of adam and adamw")
    weight_decay: NonNegativeFloat = Field(default=0.0, le=1000)
    schedule: Literal["one-cycle", "cosine", "piecewise", "halving", "constant"] = Field(
        default="one-cycle",
        description="piecewise: a tenth after half of the steps, a hundredth after three quarters; halving: half as "
        "much after every fifth of them",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="of activations; weights are float32. bfloat16 is faster where the processor knows it",
    )
    augmentation: Augmentation | None = Field(
        default=None,
        description="of the images of every step: crop-flip is random crops with 4 pixels of padding and horizontal "
        "flips; the others are strong, and as torchvision has them",
    )
    validation: ValidationConfig | None = Field(
        default=None, description="how the epoch is chosen that is kept; null: the last one"
    )
    averaging: AveragingConfig | None = Field(default=None, description="of the weights; null: none")
    max_norm: PositiveFloat | None = Field(
        default=None, description="longest vector of incoming weights that a unit may have"
    )
    first_layer_l1: PositiveFloat | None = Field(
        default=None, le=1000, description="L1 weight decay of the first layer"
    )
    first_layer_l1_from: float = Field(
        default=0.0, ge=0, lt=1, description="share of the steps that it waits for the network to learn something"
    )

    @model_validator(mode="after")
    def _a_threshold_has_its_images(self) -> Self:
        if self.averaging and self.averaging.threshold is not None and not self.held_out:
            raise ValueError("averaging.threshold: is asked of held-out images; give `validation`, without `retrain`")
        return self

    @property
    def held_out(self) -> ValidationConfig | None:
        """The validation whose images the weights have never seen that are kept; None where all are trained on."""
        return None if self.validation and self.validation.retrain else self.validation


class InnerAttack(Strict):
    """The attack that a network is trained against, step by step; its size is the job's eps."""

    steps: Count = 10
    rel_step: PositiveFloat = Field(default=0.25, le=1000, description="size of a step as a share of eps")


class MethodConfig(Kind):
    """A method of training with its settings; each is a module of `friendfoe.training.methods`."""

    tag: ClassVar[str] = "method"
    package: ClassVar[str] = "friendfoe.training.methods"

    needs_eps: ClassVar[bool] = False
    """Whether it perturbs images while training; a job of another method says nothing of eps, and does not change."""
    needs_inner_attack: ClassVar[bool] = False
    trained: ClassVar[bool] = True
    """Whether there is anything to train; a model that is not trained is given."""

    def check(self, job: Job, jobs: Mapping[str, Job]) -> None:
        """Refuse what cannot be trained, before anything runs; `jobs` are all of the study on the data set.

        Raises:
            ValueError: the job's network or settings do not suit the method.
        """

    def check_images(self, job: Job) -> None:
        """Refuse what does not suit the images, where they are prepared already.

        Raises:
            ValueError: the network, or the weights that it is to have, are of others.
        """

    def build_objective(self, job: Job, replicate: int) -> Objective:
        """What one replicate minimises.

        Raises:
            UserError: an input is missing or damaged.
        """
        raise NotImplementedError

    def inputs(self, job: Job, replicate: int) -> list[Path]:
        """The files that a replicate is trained from, besides images."""
        return []

    def take_over(self, job: Job) -> None:
        """Write what training would, where the model is not trained."""
        raise NotImplementedError

    @property
    def files(self) -> list[Path]:
        """The user's own files that it reads: a job has to be done again when one of them changes."""
        return []

    @property
    def augmentations(self) -> list[Augmentation | None]:
        """What it does to images besides the budget's own augmentation."""
        return []

    def prepare(self, network: nn.Module) -> None:
        """Add to a fresh network, in place, what it is trained with.

        Raises:
            ValueError: the network does not suit the method.
        """

    def held_out_attack(self, job: Job, replicate: int) -> Perturbation:
        """What is done to held-out images before the epoch is chosen by them; here they stay clean."""
        return lambda network, images, labels, sample_ids: images

    def finish(self, job: Job) -> None:
        """Make what else is made of the trained replicates of one variant."""

    def variants(self) -> dict[str, MethodConfig]:
        """The methods that a model is trained by in turn, where it is swept over settings of its method."""
        return {}


class Variant(Strict):
    """What is different of one variant of a model."""

    network: SerializeAsAny[NetworkConfig]
    training: TrainingConfig
    method: SerializeAsAny[MethodConfig]


class StudyJob(Strict):
    """What a study does on a data set."""

    data: str
    study: str
    code: str = Field(default="", description="fingerprint of the code that does it")


class Job(StudyJob):
    """One model of a study on a data set, trained in `replicates` replicates."""

    name: str
    replicates: Count
    seed: int = Field(description="of the data set")
    images: list[str] = Field(description="`train` (the clean training images) and sets of perturbed ones")
    share: float = Field(
        default=1.0, description="of each set in `images`; the sets take consecutive slices of one random order"
    )
    train_images: Count | None = Field(default=None, description="of each set, as if it had no more; null: all")
    network: SerializeAsAny[NetworkConfig]
    training: TrainingConfig
    method: SerializeAsAny[MethodConfig]
    draws: str | None = Field(default=None, description="name of its draws, where it shares none with other models")
    eps: float | None = None
    inner_attack: InnerAttack | None = None
    variants: dict[str, Variant] = Field(
        default={}, description="trained in place of the model, each on its own: one per network size or attacker"
    )

    def each(self) -> list[Job]:
        """The jobs that it stands for: variant V of a model M is a model of its own, M/V; without variants, itself."""
        return [
            self.model_copy(update={"name": f"{self.name}/{name}", "variants": {}, **dict(variant)})
            for name, variant in self.variants.items()
        ] or [self]

    @property
    def attacker(self) -> tuple[float, InnerAttack]:
        """Size and steps of the attack that it is trained against, where its method needs one."""
        assert self.eps is not None
        assert self.inner_attack is not None
        return self.eps, self.inner_attack

    def weights_seed(self, replicate: int) -> int:
        """Seed of the initial weights and of all that training draws.

        Not of the model's name: models that are compared with one another differ by what was changed, and not by luck,
        and a difference is paired replicate by replicate. What has to be independent says so (`draws`).
        """
        return seed(self.seed, self.data, "weights", *([self.draws] if self.draws else []), replicate)

    def order_seed(self, replicate: int) -> int:
        """Seed of the order of the training images, of which the share and the held-out images are parts.

        Not of the model's name: models that are compared with one another take the same images.
        """
        return seed(self.seed, self.data, "share", replicate)

    def held_out_seed(self, replicate: int) -> int:
        """Seed of the attack on held-out images."""
        return seed(self.seed, self.data, "validation", replicate)
