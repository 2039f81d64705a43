"""The params.yaml files as typed, checked sections: one of the data sets on top, and one per study in its pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, SerializeAsAny, ValidationError, model_validator
from typing_extensions import Self

from friendfoe import studies
from friendfoe.attacks.config import AttackConfig
from friendfoe.data.sources.config import SourceConfig
from friendfoe.evaluation.check_budget import CheckBudget
from friendfoe.evaluation.job import Condition
from friendfoe.models.config import NetworkConfig
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.kinds import kinds
from friendfoe.runtime.strict import Count, Strict, nearest, refuse_unknown
from friendfoe.runtime.yaml import explain, parse
from friendfoe.studies.job import StudySettings
from friendfoe.training.job import InnerAttack, MethodConfig, Name, Share, TrainingConfig, Word

FILE = Path("params.yaml")

Eps = Annotated[float, Field(ge=1e-6, le=1)]  # less changes no pixel in float32
Replicates = Annotated[int, Field(gt=0, le=1000)]
P = TypeVar("P", bound=Strict)


class DataParams(Strict):
    """Everything that belongs to a data set, whatever is done with it."""

    source: SerializeAsAny[SourceConfig]
    eps: Eps = Field(description="size of a perturbation, pixels being in [0, 1]")
    replicates: Replicates = Field(description="independent seeds of every model")
    seed: int = Field(description="of everything random")
    network: SerializeAsAny[NetworkConfig] = Field(description="of every model that names none")
    training: TrainingConfig = Field(description="budget of every model")


class RootParams(Strict):
    """params.yaml."""

    datasets: list[Name] = Field(min_length=1, description="what a bare `dvc repro` covers")
    data: dict[Name, DataParams]

    @model_validator(mode="after")
    def _datasets_exist(self) -> Self:
        for name in self.datasets:
            if name not in self.data:
                raise ValueError(f"datasets: there is no '{name}' under `data`; {nearest(name, [*self.data])}")
            if self.datasets.count(name) > 1:
                raise ValueError(f"datasets: '{name}' stands there twice; leave one")
        return self


class Overrides(Strict):
    """What of a model is different on a data set, or at a network size."""

    network: SerializeAsAny[NetworkConfig] | None = Field(default=None, description="in place of the model's")
    training: dict[str, Any] = Field(default={}, description="keys of `training` that differ")
    method: SerializeAsAny[MethodConfig] | None = Field(
        default=None, description="in place of the model's, such as {method: given, weights: own/mine.pt}"
    )


class StudyDataParams(Strict):
    """What a study has of its own on a data set: the size of the perturbations and the budgets."""

    eps: Eps | None = Field(default=None, description="in place of the data set's")
    replicates: Replicates | None = Field(default=None, description="in place of the data set's")
    network: SerializeAsAny[NetworkConfig] | None = Field(default=None, description="in place of the data set's")
    training: dict[str, Any] = Field(default={}, description="keys of the data set's `training` that differ")
    inner_attack: InnerAttack = InnerAttack()
    sizes: dict[Name, Overrides] = Field(
        default={}, description="network sizes, from small to large: each model of the study is trained at every one"
    )
    models: dict[Name, Overrides] = Field(default={}, description="what differs for one model of the study")
    attacks: dict[Name, dict[str, Any]] = Field(
        default={}, description="kind of attack -> settings that differ wherever this study uses it"
    )
    settings: dict[str, Any] = Field(default={}, description="what differs of the settings that only this study has")
    share: Share = Field(default=1.0, description="of the training images that its models are trained on")
    train_images: Count | None = Field(
        default=None, ge=2, description="how many of them there are, for a study of few images; null: all"
    )
    images: Count | None = Field(default=None, ge=2, description="how many test images are attacked; null: all")
    remark: str | None = Field(default=None, description="what has to be known of it, a sentence below every table")
    as_published: bool = Field(
        default=False, description="whether data and budget are the source's, so that sizes are compared with its own"
    )
    checks: dict[str, Any] = Field(default={}, description="keys of `checks` that differ")


class ModelParams(Strict, extra="allow"):
    """A model: what it is trained on, and by which method; the method's own settings stand beside these."""

    images: list[Word] = Field(min_length=1, description="`train` (clean) and sets of perturbed training images")
    share: Share = Field(default=1.0, description="of each set in `images`")
    network: SerializeAsAny[NetworkConfig] | None = Field(default=None, description="in place of the data set's")
    training: dict[str, Any] = Field(default={}, description="keys of `training` that differ for this model")
    draws: Word | None = Field(
        default=None,
        description="what is random comes from draws of this name, that of no other model; null: the same initial "
        "weights and order of images as all that it is compared with",
    )

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, section: Any) -> Any:
        if isinstance(section, dict) and (method := kinds(MethodConfig).get(str(section.get("method")))):
            refuse_unknown(section, [*cls.model_fields, *method.model_fields])
            if not method.trained:  # on nothing
                section = {"images": ["train"], **section}
        return section

    @model_validator(mode="after")
    def _method_is_valid(self) -> Self:
        assert self.method
        return self

    @cached_property
    def method(self) -> MethodConfig:
        """How it is trained."""
        return MethodConfig.model_validate(self.__pydantic_extra__)


class SetParams(Strict):
    """A copy of a split in which every image is perturbed."""

    attack: Name


class Sets(Strict):
    """Perturbed sets by the split that they are made of."""

    train: dict[Name, SetParams] = {}
    test: dict[Name, SetParams] = {}


class ChecksParams(CheckBudget):
    """How models are checked for masked gradients."""

    reported: Name | None = Field(default=None, description="the attack that robustness is taken from; null: none is")
    transfer: list[Name] = Field(default=[], max_length=4, description="models whose images are tried on the others")
    sizes: Literal["all", "largest"] = Field(default="all", description="where a model is trained at several")

    @property
    def budget(self) -> CheckBudget:
        """What the checks may cost."""
        return CheckBudget(**{name: getattr(self, name) for name in CheckBudget.model_fields})


class StudyParams(Strict, extra="allow"):
    """pipelines/STUDY/params.yaml; the keys that are not listed here are the study's own `Settings`."""

    data: dict[Name, StudyDataParams] = Field(description="data sets, and what the study has of its own there")
    network: SerializeAsAny[NetworkConfig] | None = Field(default=None, description="of models that name none")
    models: dict[Name, ModelParams] = Field(default={}, description="trained on clean images")
    augmented: dict[Name, ModelParams] = Field(default={}, description="trained on perturbed sets")
    source: str | None = Field(default=None, description="STUDY/MODEL that sets and `on: source` are crafted on")
    sets: Sets = Sets()
    attacks: dict[Name, SerializeAsAny[AttackConfig]] = {}
    evaluate: dict[Name, Condition] = Field(default={}, description="what models are evaluated on, class by class")
    checked: list[Name] = Field(default=[], description="models whose gradients are checked for masking")
    checks: ChecksParams = Field(default=ChecksParams(), description="how")

    @property
    def own_settings(self) -> dict[str, Any]:
        """The keys that only this study has."""
        return self.__pydantic_extra__ or {}


def read_root(path: Path = FILE) -> RootParams:
    """params.yaml, checked.

    Raises:
        UserError: the file is missing, not YAML, or says something that it cannot; with the place, the line, and the
            nearest valid name.
    """
    return _validated(path, RootParams.model_validate)


def read_study(study: str) -> tuple[StudyParams, StudySettings]:
    """pipelines/STUDY/params.yaml, checked: what every study has, and this one's own settings.

    Raises:
        UserError: as `read_root`; or there is no such study.
    """
    path, kind = study_file(study), studies.settings(study)

    def validate(raw: Any) -> tuple[StudyParams, StudySettings]:
        if isinstance(raw, dict):
            refuse_unknown(raw, [*StudyParams.model_fields, *kind.model_fields])
        section = StudyParams.model_validate(raw)
        settings = kind.model_validate(section.own_settings)
        further = {name: ModelParams.model_validate(model) for name, model in settings.further_models().items()}
        return section.model_copy(update={"models": {**section.models, **further}}), settings

    return _validated(path, validate)


@dataclass(frozen=True)
class Pipeline:
    """A study's dvc.yaml as it stands there; without stages where there is none."""

    stages: Mapping[str, Any]
    params: Mapping[str, Any]  # from which the names of its stages come


def read_pipeline(study: str) -> Pipeline:
    """The pipeline of a study whose params are in order.

    Raises:
        UserError: it is not YAML, or has no stages.
    """
    path = pipeline_file(study)
    content = parse(path) if path.exists() else {"stages": {}}
    if not isinstance(content, dict) or not isinstance(content.get("stages"), dict):
        raise UserError(f"{path}: there is no section `stages`; see the pipeline of another study")
    return Pipeline(content["stages"], parse(study_file(study)))


def pipeline_file(study: str) -> Path:
    """Where a study's stages stand."""
    return study_file(study).with_name("dvc.yaml")


def study_file(study: str) -> Path:
    """Where a study's params stand."""
    return paths.PIPELINES / study / "params.yaml"


def study_names() -> list[str]:
    """The studies that have a pipeline."""
    return sorted(path.parent.name for path in paths.PIPELINES.glob("*/params.yaml"))


R = TypeVar("R")


def _validated(path: Path, validate: Callable[[Any], R]) -> R:
    raw = parse(path)
    try:
        return validate(raw)
    except ValidationError as error:
        raise explain(error, raw, path) from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
