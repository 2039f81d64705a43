"""From params to jobs: defaults and overrides applied, names looked up, and what cannot finish refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from pydantic import BaseModel, ValidationError

from friendfoe.attacks.config import AttackConfig
from friendfoe.evaluation.job import EvaluationJob, GradientCheckJob
from friendfoe.models.config import NetworkConfig
from friendfoe.plan.params import (
    DataParams,
    ModelParams,
    Overrides,
    RootParams,
    StudyDataParams,
    StudyParams,
    study_file,
)
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.kinds import kinds
from friendfoe.runtime.strict import Strict, nearest
from friendfoe.runtime.yaml import describe
from friendfoe.studies.job import AnalysisJob, PerturbJob, PlotJob, StudySettings
from friendfoe.training.job import Job, TrainingConfig, Variant

Place = tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """A study as its params say.

    Attributes:
        name: of the study.
        params: its pipelines/NAME/params.yaml.
        settings: what only this study has in it.
    """

    name: str
    params: StudyParams
    settings: StudySettings

    @property
    def models(self) -> dict[str, ModelParams]:
        """All models, those that are trained on perturbed sets last."""
        return {**self.params.models, **self.params.augmented}

    def refuse(self, problem: str) -> NoReturn:
        """Say what is wrong with its params."""
        raise UserError(f"{study_file(self.name)}: {problem}")

    def known(self, place: str, name: str, names: Mapping[str, Any], kind: str) -> None:
        """Refuse a name that there is not."""
        if name not in names:
            self.refuse(f"{place}: there is no {kind} '{name}'; {nearest(name, [*names])}")


@dataclass(frozen=True)
class StudyOnData:
    """What a study runs on one data set: jobs, with all settings resolved.

    Attributes:
        study: which.
        data: which data set.
        root: the data set's own params.
        source: the study that the source model belongs to, on this data set; None where there is no source.
    """

    study: Study
    data: str
    root: DataParams
    source: "StudyOnData | None" = None

    def jobs(self) -> Iterator[tuple[str, Strict]]:
        """Everything that is run, by the name of its plan, in the order in which it is run.

        Raises:
            UserError: something that cannot finish, with its place in params.yaml.
        """
        yield from self.trained.items()
        yield from self._perturbed()
        yield from self._evaluated()
        for part in self.study.settings.parts:
            yield part, self._analysis(part)
        job, models = self._common(), self.study.settings.shown_models([*self.trained])
        yield "plot", PlotJob(**job, settings=self.settings.model_dump(mode="json"), models=models)

    @cached_property
    def own(self) -> StudyDataParams:
        """What the study has of its own on the data set."""
        return self.study.params.data[self.data]

    @property
    def eps(self) -> float:
        """The size of perturbations."""
        return self.root.eps if self.own.eps is None else self.own.eps

    @property
    def replicates(self) -> int:
        """Of every model."""
        return self.own.replicates or self.root.replicates

    @cached_property
    def settings(self) -> StudySettings:
        """What only this study has, with what differs on the data set."""
        raw = _merged(self.study.settings.model_dump(mode="json"), self.own.settings)
        try:
            return type(self.study.settings).model_validate(raw)
        except ValidationError as error:
            self.study.refuse(describe(error, raw, ("data", self.data, "settings")))

    @cached_property
    def trained(self) -> dict[str, Job]:
        """The job of every model."""
        return {name: self._model(name, model) for name, model in self.study.models.items()}

    def attack(self, name: str) -> AttackConfig:
        """An attack with the settings that its kind has on this data set."""
        config = self.study.params.attacks[name]
        changes = self.own.attacks.get(config.kind_name)
        if not changes:
            return config
        raw = {**config.model_dump(exclude_unset=True), **changes}
        try:
            return AttackConfig.model_validate(raw)
        except ValidationError as error:
            self.study.refuse(describe(error, raw, ("data", self.data, "attacks", config.kind_name)))

    def source_networks(self) -> list[NetworkConfig]:
        """The network of the source model, where there is one."""
        if self.source is None:
            return []
        assert self.study.params.source
        return [self.source.trained[self.study.params.source.split("/")[1]].network]

    def _common(self) -> dict[str, Any]:
        return {"data": self.data, "study": self.study.name}

    def _model(self, name: str, model: ModelParams) -> Job:
        changes, method = self.own.models.get(name, Overrides()), model.method
        network = changes.network or model.network or self.own.network or self.root.network
        budget = {("models", name): model.training, self._place("models", name): changes.training}
        variants = {
            variant: Variant(network=network, training=self._training(budget), method=changed)
            for variant, changed in method.variants().items()
        } or {
            size: Variant(
                network=at_size.network or network,
                training=self._training({**budget, self._place("sizes", size): at_size.training}),
                method=method,
            )
            for size, at_size in self.own.sizes.items()
        }
        job = Job(
            **self._common(),
            name=name,
            replicates=self.replicates,
            seed=self.root.seed,
            images=model.images,
            share=model.share * self.own.share,
            network=network,
            training=self._training(budget),
            method=method,
            eps=self.eps if method.needs_eps else None,
            inner_attack=self.own.inner_attack if method.needs_inner_attack else None,
            variants=variants,
        )
        try:
            method.check(job)
        except ValueError as error:
            self.study.refuse(f"data.{self.data}: models.{name}: {error}")
        return job

    def _training(self, changes: Mapping[Place, dict[str, Any]]) -> TrainingConfig:
        """The data set's budget with what the study changes there, and then what each further place changes."""
        raw, budget = self.root.training.model_dump(exclude_unset=True), self.root.training
        for place, changed in {self._place(): self.own.training, **changes}.items():
            raw |= changed
            try:
                budget = TrainingConfig.model_validate(raw)
            except ValidationError as error:
                self.study.refuse(describe(error, raw, (*place, "training")))
        return budget

    def _place(self, *words: str) -> Place:
        return ("data", self.data, *words)

    def _perturbed(self) -> Iterator[tuple[str, PerturbJob]]:
        for split, sets in (("train", self.study.params.sets.train), ("test", self.study.params.sets.test)):
            for name, perturbed in sets.items():
                yield (
                    name,
                    PerturbJob(
                        **self._common(),
                        name=name,
                        split=split,
                        attack=self.attack(perturbed.attack),
                        source=str(self.study.params.source),
                        replicates=self.replicates,
                        seed=self.root.seed,
                        eps=self.eps,
                    ),
                )

    def _evaluated(self) -> Iterator[tuple[str, Strict]]:
        params, shown = self.study.params, self.study.settings.shown_models([*self.trained])
        if params.evaluate:
            attacks = {name: self.attack(name) for one in params.evaluate.values() for name in one.attacks}
            job = EvaluationJob(
                **self._common(),
                models=shown,
                replicates=self.replicates,
                seed=self.root.seed,
                eps=self.eps,
                images=self.own.images,
                source=params.source,
                conditions=params.evaluate,
                attacks=attacks,
            )
            if self.study.settings.evaluated_together:
                yield "evaluate", job
            else:
                yield from ((f"evaluate-{model}", job.model_copy(update={"models": [model]})) for model in shown)
        if params.checked:
            yield (
                "check-gradients",
                GradientCheckJob(**self._common(), models=params.checked, seed=self.root.seed, eps=self.eps),
            )

    def _analysis(self, part: str) -> AnalysisJob:
        reads, settings = self.study.settings.analysis_reads, self.settings
        conditions = self.study.params.evaluate if "conditions" in reads else None
        return AnalysisJob(
            **self._common(),
            part=part,
            settings=settings.model_dump(mode="json"),
            models=settings.shown_models([*self.trained]),
            replicates=self.replicates,
            seed=self.root.seed,
            eps=self.eps,
            images=self.own.images,
            share=self.own.share,
            remark=self.own.remark,
            inner_attack=self.own.inner_attack if "inner_attack" in reads else None,
            sizes=[*self.own.sizes] if "sizes" in reads else None,
            conditions=conditions,
            attacks={name: self.attack(name) for one in conditions.values() for name in one.attacks}
            if conditions
            else None,
            retrained={name: self.trained[name] for name in settings.retrained},
        )


def resolve(root: RootParams, studies: Mapping[str, Study]) -> dict[tuple[str, str], StudyOnData]:
    """Every study on every data set that it lists, by data set and study.

    Raises:
        UserError: a name that there is not, or something that cannot finish, with its place and the nearest valid name.
    """
    for study in studies.values():
        _check(study, root, studies)
    alone = {
        (data, name): StudyOnData(study, data, root.data[data])
        for name, study in studies.items()
        for data in study.params.data
    }
    return {key: _with_source(on_data, alone) for key, on_data in alone.items()}


def _with_source(on_data: StudyOnData, alone: Mapping[tuple[str, str], StudyOnData]) -> StudyOnData:
    study, data = on_data.study, on_data.data
    if study.params.source is None:
        return on_data
    name = study.params.source.split("/")[0]
    if (data, name) not in alone:
        study.refuse(
            f"data.{data}: '{study.params.source}' is not trained on {data}; "
            f"add {data} under `data` in {study_file(name)}"
        )
    return StudyOnData(study, data, on_data.root, alone[data, name])


def _check(study: Study, root: RootParams, studies: Mapping[str, Study]) -> None:
    """That every name which a study's params use is there, and may be used where it stands."""
    params, settings = study.params, study.settings
    for data, own in params.data.items():
        study.known("data", data, root.data, "data set")
        for name in own.models:
            study.known(f"data.{data}.models", name, study.models, "model")
        for kind in own.attacks:
            study.known(f"data.{data}.attacks", kind, kinds(AttackConfig), "attack")
    _check_models(study)
    _check_source(study, studies)
    for split, sets in (("train", params.sets.train), ("test", params.sets.test)):
        for name, perturbed in sets.items():
            place = f"sets.{split}.{name}.attack"
            study.known(place, perturbed.attack, params.attacks, "attack")
            if not params.attacks[perturbed.attack].storable:
                study.refuse(
                    f"{place}: '{perturbed.attack}' has `clip: false`, and pixels outside [0, 1] cannot be stored; "
                    "evaluate a model under it instead"
                )
    for name, condition in params.evaluate.items():
        place = f"evaluate.{name}"
        if condition.set in params.sets.test:
            study.refuse(f"{place}.set: '{condition.set}' is made of test images; craft them anew: {{attack: ...}}")
        if condition.set is not None:
            study.known(f"{place}.set", condition.set, params.sets.train, "set of training images")
        for attack in condition.attacks:
            study.known(f"{place}.{'worst' if condition.worst else 'attack'}", attack, params.attacks, "attack")
        if condition.on == "source" and params.source is None:
            study.refuse(f"{place}.on: there is no `source`; name one, such as {study.name}/{next(iter(study.models))}")
    for name in params.checked:
        study.known("checked", name, study.models, "model")
    _check_needs(study, "models", settings.needed_models, settings.shown_models([*study.models]))
    _check_needs(study, "evaluate", settings.needed_conditions, params.evaluate)


def _check_needs(study: Study, place: str, needed: Any, names: Any) -> None:
    missing = [name for name in needed if name not in names]
    if missing:
        study.refuse(f"{place}: the tables of this study need '{missing[0]}', too")


def _check_models(study: Study) -> None:
    params = study.params
    names = [*params.models, *params.augmented, *params.sets.train, *params.sets.test]
    reserved = {"evaluate", "check-gradients", "plot", *study.settings.parts}
    for name in names:
        if names.count(name) > 1 or name in reserved or name.startswith("evaluate-"):
            study.refuse(f"'{name}' names two things; take another name")
    for section, models in (("models", params.models), ("augmented", params.augmented)):
        for name, model in models.items():
            for images in model.images:
                place = f"{section}.{name}.images"
                if images in params.sets.test:
                    study.refuse(f"{place}: '{images}' is made of test images; train on none of them")
                study.known(place, images, {"train": None, **params.sets.train}, "set of training images")
                if section == "models" and images != "train":
                    study.refuse(f"{place}: '{images}' is made later, on a model; put {name} under `augmented`")


def _check_source(study: Study, studies: Mapping[str, Study]) -> None:
    """The source is a model that is there before anything is crafted on it."""
    params = study.params
    sets = bool(params.sets.train or params.sets.test)
    if params.source is None:
        if sets:
            study.refuse("source: it is missing; sets are crafted on it")
        return
    owner, _, model = params.source.partition("/")
    study.known("source", owner, studies, "study")
    study.known("source", model, studies[owner].models, f"model of {owner}")
    if sets and model in studies[owner].params.augmented and owner == study.name:
        study.refuse(f"source: '{params.source}' is itself trained on sets; name a model of clean images")


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `changes` says, section by section."""
    nested = {
        key: _merged(base[key], value)
        for key, value in changes.items()
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    }
    return {**base, **changes, **nested}


def configs(settings: Any) -> Iterator[BaseModel]:
    """All settings within settings, themselves included."""
    if isinstance(settings, BaseModel):
        yield settings
        settings = dict(settings)
    if isinstance(settings, Mapping):
        settings = settings.values()
    if isinstance(settings, list | tuple | type({}.values())):
        for item in settings:
            yield from configs(item)
