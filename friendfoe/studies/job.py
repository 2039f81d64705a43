"""What a study does with trained models: jobs as the plan writes them down, with settings and budgets resolved."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    Field,
    PositiveInt,
    SerializeAsAny,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from typing_extensions import Self

from friendfoe.attacks.config import AttackConfig
from friendfoe.evaluation.job import Condition
from friendfoe.models.config import NetworkConfig
from friendfoe.runtime import paths
from friendfoe.runtime.strict import Count, Strict
from friendfoe.training.job import InnerAttack, Job, Share, StudyJob

Counts = Mapping[str, int]
"""How many images of each class there are, by its name, in the order of the labels."""


DRAWN = {"drawn": True}
"""Context in which settings are read where nothing is computed."""


def _kind_alone(section: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> NetworkConfig:
    if info.context == DRAWN:
        return NetworkConfig.model_construct(**section)
    network: NetworkConfig = handler(section)
    return network


Network = Annotated[SerializeAsAny[NetworkConfig], WrapValidator(_kind_alone)]
"""A network of a study's own. Where it is drawn its kind alone is known: the modules of all kinds wait for torch."""


def _up_to_all(shares: list[float]) -> list[float]:
    if shares != sorted(set(shares)) or shares[-1] != 1:
        raise ValueError("must ascend to 1")
    return shares


class ExplorerSettings(Strict):
    """What the explorer of the page shows; where images are large it shows fewer."""

    images: Count = Field(default=2, description="of each class, the first of the test images")
    shares: Annotated[list[Share], AfterValidator(_up_to_all)] = Field(
        default=[0.25, 0.5, 1.0], min_length=1, max_length=10, description="of the size of an attack, ascending to 1"
    )


class Explored(Strict):
    """An attack of the evaluations whose images the explorer shows."""

    attack: SerializeAsAny[AttackConfig]
    on: str | None = Field(default=None, description="STUDY/MODEL that they are crafted on; null: on each model itself")


class StudySettings(Strict):
    """What only one study has in its params.yaml; each has a class of its own, `studies.NAME.settings.Settings`."""

    needed_models: ClassVar[Collection[str]] = ()
    """Without these its tables would have holes."""
    needed_conditions: ClassVar[Mapping[str, str]] = {}
    """Conditions that its tables show, and as what (`Condition.meaning`)."""
    needed_checks: ClassVar[Collection[str]] = ()
    """Models whose gradient checks they show."""
    needed_sets: ClassVar[Collection[str]] = ()
    """Perturbed sets of test images that its analysis works from."""
    reserved: ClassVar[Collection[str]] = ()
    """What tables call other things than models."""
    parts: ClassVar[tuple[str, ...]] = ("analyse",)
    """Modules of the study that compute what is drawn, a stage for each."""
    evaluated_together: ClassVar[bool] = False
    """Whether all its models are evaluated by one stage, which starts once, or each by its own."""
    analysis_reads: ClassVar[frozenset[str]] = frozenset()
    """What its analysis depends on besides settings, models and eps: conditions, inner_attack, sizes."""
    retrained: ClassVar[tuple[str, ...]] = ()
    """Models that its analysis trains again, on other images."""

    def further_models(self) -> dict[str, dict[str, Any]]:
        """Models that follow from the settings, as they would stand under `models`."""
        return {}

    def shown_models(self, models: list[str]) -> list[str]:
        """Those of the study's models that are evaluated and analysed, in the order of its tables."""
        return [*self.needed_models, *(name for name in models if name not in self.needed_models)]

    def check(self, models: Mapping[str, Job], conditions: Mapping[str, Condition], classes: int | None) -> None:
        """Refuse settings that the study cannot work with; `classes`: how many the data set has, where that is known.

        Raises:
            ValueError: beginning with the place in params.yaml.
        """

    def without_training(self, given: Collection[str]) -> list[str]:
        """What is left out or different where these models are given and not trained, a sentence each."""
        return []

    def on_classes(self, train: Counts, test: Counts) -> tuple[Self, list[str]]:
        """The settings as the classes of a data set allow them, and what is different then, a sentence each.

        Of two classes or more there are training images and test images; `test` counts those that the study looks at.
        """
        return self, []


class WithExplorer(StudySettings):
    """The settings of a study whose page has an explorer."""

    explored: ClassVar[Collection[str]] = ()
    """Conditions under attack that the explorer shows images of."""

    explorer: ExplorerSettings = Field(
        default=ExplorerSettings(), description="what the page shows for readers to look through"
    )


def place(study: str, key: str) -> str:
    """Where a setting of a study stands, for messages."""
    return f"{paths.PIPELINES / study / 'params.yaml'}: {key}"


class PerturbJob(StudyJob):
    """A perturbed copy of a split; replicate r is crafted on replicate r of the source."""

    name: str
    split: str
    attack: SerializeAsAny[AttackConfig]
    source: str = Field(description="STUDY/MODEL that it is crafted on")
    replicates: PositiveInt
    seed: int
    eps: float


class AnalysisJob(StudyJob):
    """What a study computes from models and images beyond their evaluations."""

    part: str
    settings: dict[str, Any]
    models: list[str]
    replicates: PositiveInt
    seed: int
    eps: float
    images: PositiveInt | None = Field(default=None, description="how many test images; null: all")
    share: float = Field(default=1.0, description="of the training images that the models are trained on")
    train_images: PositiveInt | None = Field(default=None, description="how many of them there are; null: all")
    remark: str | None = Field(default=None, description="what has to be known of it, a sentence below every table")
    as_published: bool = Field(default=False, description="whether data and budget are the source's")
    inner_attack: InnerAttack | None = None
    sizes: list[str] | None = None
    conditions: dict[str, Condition] | None = None
    attacks: dict[str, SerializeAsAny[AttackConfig]] | None = None
    retrained: dict[str, Job] = Field(default={}, description="models that are trained again, on other images")
    explored: dict[str, Explored] = Field(default={}, description="attacks that the explorer shows images of")
    given: dict[str, str] | None = Field(default=None, description="models that were trained elsewhere -> their files")


class PlotJob(StudyJob):
    """Tables, figures and verdicts of a study."""

    models: list[str]
    checked: list[str] = Field(default=[], description="models whose gradients are checked")
    reported: str | None = Field(default=None, description="the attack that their robustness is taken from")
    given: dict[str, str] | None = Field(default=None, description="models that were trained elsewhere -> their files")
