"""What params.yaml says of training: the budget of a data set, and the recipe of a model."""

from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, StringConstraints, model_validator
from typing_extensions import Self

from friendfoe.models.recipes import Network
from friendfoe.runtime.strict import Strict

# plain words, so that DVC's stage names (KIND@DATA-MODEL) stay readable
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(-[a-z0-9_]+)*$")]

Augmentation = Literal["crop-flip", "autoaugment", "randaugment", "augmix"]


class Validation(Strict):
    """Training images that are held out; the epoch is kept that does best on them, under the method's own attack."""

    share: float = Field(default=0.1, gt=0, lt=1, description="of the training images")
    patience: PositiveInt | None = Field(default=None, description="epochs without a better one before training stops")
    retrain: bool = Field(default=False, description="then train as many epochs on all images, from the start")
    collapse: float = Field(
        default=0.5, ge=0, lt=1, description="training stops, too, where the accuracy falls below so much of the best"
    )


class Training(Strict):
    """How long and with what optimiser a network is trained."""

    epochs: PositiveInt
    batch: PositiveInt = Field(description="images per step")
    optimizer: Literal["sgd", "adamw"] = Field(description="sgd is with Nesterov momentum")
    learning_rate: PositiveFloat = Field(description="the highest of the schedule")
    momentum: NonNegativeFloat = Field(default=0.9, lt=1, description="of sgd, or beta 1 of adamw")
    weight_decay: NonNegativeFloat = 0.0
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
    validation: Validation | None = Field(
        default=None, description="how the epoch is chosen that is kept; null: the last one"
    )
    averaging: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the averaged weights that remains after an epoch; null: no averaging",
    )
    max_norm: PositiveFloat | None = Field(
        default=None, description="longest vector of incoming weights that a unit may have"
    )
    first_layer_l1: PositiveFloat | None = Field(default=None, description="L1 weight decay of the first layer")


class Recipe(Strict):
    """What the recipe of every model may say; each method adds its own settings."""

    images: list[Name] = Field(
        min_length=1, description="`train` (the clean training images) and names of perturbed training sets"
    )
    share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="of each set in `images`; the sets take consecutive slices of one random order",
    )
    network: Network | None = Field(default=None, description="in place of the data set's network")
    training: dict[str, Any] = Field(
        default={}, description="keys of the data set's `training` that differ for this model"
    )
    study: Name | None = Field(
        default=None, description="whose sizes and budgets of the data set hold (`data.D.studies`)"
    )

    @property
    def conditions(self) -> list[Name]:
        """The conditions that the method perturbs by."""
        return []

    @property
    def needs(self) -> list[Name]:
        """Other models that this one is trained with."""
        return []


class Standard(Recipe):
    """Cross-entropy on the images as they are."""

    method: Literal["standard"]


class Calibration(Strict):
    """Class-wise budgets: eps and beta times (this + the class's robust training accuracy in the last epoch)."""

    eps: NonNegativeFloat = Field(default=0.5, description="lambda 1 of CFA")
    beta: NonNegativeFloat = Field(default=0.5, description="lambda 2 of CFA; of TRADES and MART alone")
    begin: float = Field(default=0.05, ge=0, lt=1, description="share of the epochs before; a network is weak at first")


class Defence(Recipe):
    """Adversarial training."""

    method: Literal["defence"]
    study: Name = Field(description="whose eps, crafting and training budget of the data set hold")
    objective: Literal["pgd-at", "fgsm-at", "trades", "mart"]
    beta: NonNegativeFloat | None = Field(
        default=None, description="weight of the robust term; null: 6 in TRADES, 5 in MART"
    )
    calibration: Calibration | None = Field(
        default=None, description="class-calibrated budgets; null: the same for all"
    )

    @model_validator(mode="after")
    def _beta_has_a_term(self) -> Self:
        if self.beta is not None and self.objective not in ("trades", "mart"):
            raise ValueError(f"beta: {self.objective} has no second term to weigh")
        return self


class Teacher(Recipe):
    """Cross-entropy of softmax(logits / temperature), the first half of distillation."""

    method: Literal["teacher"]
    temperature: PositiveFloat = Field(description="1 is the usual softmax")


class Distilled(Recipe):
    """Cross-entropy with the probabilities that a teacher gives, at the teacher's temperature."""

    method: Literal["distilled"]
    teacher: Name = Field(description="a model of the method `teacher`, trained on the same images")

    @property
    def needs(self) -> list[Name]:
        """The teacher."""
        return [self.teacher]


class Adversarial(Recipe):
    """Cross-entropy on the images and on perturbed ones, made anew at every step."""

    method: Literal["adversarial"]
    condition: Name = Field(description="how they are perturbed")
    alpha: float = Field(
        default=0.5, ge=0, le=1, description="weight of the images as they are; 1 is standard training"
    )

    @property
    def conditions(self) -> list[Name]:
        """The one that it trains on."""
        return [self.condition]


class Distribution(Strict):
    """Images of one kind that a network learns from, and the batch norm that they pass through."""

    images: Literal["clean", "augmented", "adversarial"]
    branch: Name = Field(default="main", description="`main` is the one that is kept after training")
    augmentation: Augmentation | None = Field(default=None, description="of augmented images")
    strength: NonNegativeFloat = Field(default=1.0, description="of adversarial images: factor on the study's eps")
    steps: PositiveInt | None = Field(
        default=None, description="of the attacker, who goes as far with them as with the study's steps; null: those"
    )

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if (self.images == "augmented") != (self.augmentation is not None):
            raise ValueError("augmentation: augmented images have one, and no others")
        if self.images != "adversarial" and not {"strength", "steps"}.isdisjoint(self.model_fields_set):
            raise ValueError("strength, steps: only adversarial images have an attacker")
        return self


class Sweep(Strict):
    """Attackers of other strength, each of which the model is trained with."""

    strengths: list[NonNegativeFloat] = Field(description="factors on the study's eps")
    steps: list[PositiveInt] = Field(description="steps, at the study's eps")


class AdvProp(Recipe):
    """Cross-entropy on several distributions of images, with a batch norm for each or one for several."""

    method: Literal["advprop"]
    study: Name = Field(description="whose eps, crafting, sizes and training budget of the data set hold")
    distributions: list[Distribution] = Field(min_length=1, description="their losses weigh the same")
    affine: Literal["separate", "shared"] = Field(
        default="separate", description="scale and shift of the batch norms; shared: they differ in statistics alone"
    )
    fine_tuning: float = Field(
        default=0, ge=0, lt=1, description="share of the epochs, the last, on clean images alone"
    )
    sweep: Sweep | None = Field(default=None, description="train one network against attackers of other strength")

    @model_validator(mode="after")
    def _main_is_trained(self) -> Self:
        if all(of.branch != "main" for of in self.distributions):
            raise ValueError("distributions: none passes through `main`, the branch that is kept")
        return self

    @property
    def auxiliary(self) -> list[Name]:
        """The branches besides `main`."""
        return list(dict.fromkeys(of.branch for of in self.distributions if of.branch != "main"))


class Binary(Recipe):
    """A binary cross-entropy per class, for networks whose classes have probabilities of their own."""

    method: Literal["binary"]


class Ensemble(Recipe):
    """The members of an ensemble side by side, each with a loss of its own."""

    method: Literal["ensemble"]


Model = Annotated[
    Standard | Adversarial | AdvProp | Binary | Ensemble | Defence | Teacher | Distilled, Field(discriminator="method")
]
