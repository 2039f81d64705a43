"""What a study runs on a data set: defaults and overrides applied, and what cannot finish refused."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from friendfoe.attacks.config import AttackConfig
from friendfoe.evaluation.job import EvaluationJob, GradientCheckJob
from friendfoe.models.config import NetworkConfig
from friendfoe.plan.cost import Paces, coarse, costs
from friendfoe.plan.names import Study
from friendfoe.plan.params import (
    ChecksParams,
    DataParams,
    ModelParams,
    Overrides,
    StudyDataParams,
)
from friendfoe.plan.pipeline import check_pipeline
from friendfoe.runtime import paths
from friendfoe.runtime.durations import DAY, in_words
from friendfoe.runtime.strict import Strict
from friendfoe.runtime.yaml import describe
from friendfoe.studies.job import AnalysisJob, Explored, PerturbJob, PlotJob, StudySettings, WithExplorer
from friendfoe.training.job import Job, TrainingConfig, Variant

Place = tuple[str, ...]
ENDLESS = 1000 * 365 * DAY  # seconds


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

    @cached_property
    def jobs(self) -> dict[str, Strict]:
        """Everything that is run, by the name of its plan, in the order in which it is run.

        Raises:
            UserError: something that cannot finish, with its place in params.yaml.
        """
        try:
            for name, trained in self.trained.items():
                place = f"models.{name}: "
                trained.method.check(trained, self.trained)
                if self._prepared:
                    trained.method.check_images(trained)
            place = ""
            if (self.known_classes or self.least_classes) < self.least_classes:
                raise ValueError(f"an attack of this study needs {self.least_classes} classes, and there are fewer")
            self.settings.check(self.trained, self.study.params.evaluate, self.known_classes)
        except ValueError as error:
            self.study.refuse(f"data.{self.data}: {place}{error}")
        jobs = dict(self._jobs())
        check_pipeline(self.study, self.data, jobs)
        for name, seconds in costs(jobs, self.root.source):
            if seconds > ENDLESS:
                self.study.refuse(f"data.{self.data}: '{name}' would take {in_words(seconds)} of one core")
        return jobs

    def _jobs(self) -> Iterator[tuple[str, Strict]]:
        yield from self.trained.items()
        yield from self._perturbed()
        yield from self._evaluated()
        for part in self.study.settings.parts:
            yield part, self._analysis(part)
        job, params, models = self._common(), self.study.params, self.study.settings.shown_models([*self.trained])
        checked, reported = params.checked, params.checks.reported
        yield "plot", PlotJob(**job, models=models, checked=checked, reported=reported, given=self._given)

    @cached_property
    def _prepared(self) -> bool:
        """Whether the images are prepared, from the source that params name now."""
        try:
            planned = json.loads(paths.plan(self.data, "prepare").read_text())
        except (OSError, ValueError):
            return False
        same = planned.get("source") == self.root.source.model_dump(mode="json", exclude_none=True)
        return same and paths.prepared(self.data).is_dir()

    def seconds(self, paces: Paces = coarse, images: tuple[int, int] | None = None) -> dict[str, float]:
        """Of one core, by the name of each job; `images`: how many there are to train and to test, where counted."""
        return dict(costs(self.jobs, self.root.source, paces, images))

    def cost(self) -> str:
        """How long it takes, roughly, with what takes most of it; in front of it a warning where that is days."""
        seconds = self.seconds()
        longest, total = max(seconds, key=lambda name: seconds[name]), sum(seconds.values())
        warning = "warning: " if total > DAY else ""
        return (
            f"{warning}{self.study.name} on {self.data}: {in_words(total)} of one core, to a factor of ten; "
            f"most of it {longest}: {in_words(seconds[longest])}"
        )

    @cached_property
    def own(self) -> StudyDataParams:
        """What the study has of its own on the data set."""
        return self.study.params.data[self.data]

    @property
    def eps(self) -> float:
        """The size of perturbations."""
        return self.root.eps if self.own.eps is None else self.own.eps

    @property
    def known_classes(self) -> int | None:
        """How many classes the data set has, where that is known before it is read."""
        return self.root.source.known[2] if self.root.source.known else None

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

    @property
    def _given(self) -> dict[str, str] | None:
        """The models that are not trained, and the files of their weights; None where all are trained."""
        methods = {name: job.method for name, job in self.trained.items() if not job.method.trained}
        return {name: getattr(method, "weights", None) or "" for name, method in methods.items()} or None

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

    @property
    def least_classes(self) -> int:
        """How many classes it needs, for what it attacks with."""
        params = self.study.params
        used = [*(name for condition in params.evaluate.values() for name in condition.attacks)]
        used += [params.checks.reported] if params.checked and params.checks.reported is not None else []
        used += [perturbed.attack for sets in (params.sets.train, params.sets.test) for perturbed in sets.values()]
        return max((self.attack(name).least_classes for name in used), default=2)

    def source_networks(self) -> list[NetworkConfig]:
        """The network of the source model, where there is one."""
        if self.source is None:
            return []
        assert self.study.params.source
        return [self.source.trained[self.study.params.source.split("/")[1]].network]

    def _common(self) -> dict[str, Any]:
        return {"data": self.data, "study": self.study.name}

    def _model(self, name: str, model: ModelParams) -> Job:
        changes = self.own.models.get(name, Overrides())
        method = changes.method or model.method
        of_all = self.own.network or self.study.params.network or self.root.network
        network = changes.network or model.network or of_all
        section = "augmented" if name in self.study.params.augmented else "models"
        budget = {(section, name): model.training, self._place("models", name): changes.training}
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
            if method.trained
        }
        return Job(
            **self._common(),
            name=name,
            replicates=self.replicates,
            seed=self.root.seed,
            images=model.images,
            share=model.share * self.own.share,
            train_images=self.own.train_images,
            draws=model.draws,
            network=network,
            training=self._training(budget),
            method=method,
            eps=self.eps if method.needs_eps else None,
            inner_attack=self.own.inner_attack if method.needs_inner_attack else None,
            variants=variants,
        )

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
            shown += [name for name in self._given or () if name not in shown]
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
        for name in params.checked:
            yield f"check-gradients-{name}", self._check(name)

    def _check(self, name: str) -> GradientCheckJob:
        raw = {**self.study.params.checks.model_dump(), **self.own.checks}
        try:
            checks = ChecksParams.model_validate(raw)
        except ValidationError as error:
            self.study.refuse(describe(error, raw, (*self._place(), "checks")))
        variants = [*self.trained[name].variants][-1 if checks.sizes == "largest" else 0 :]
        return GradientCheckJob(
            **self._common(),
            models=[name],
            variants=[f"{name}/{variant}" for variant in variants],
            seed=self.root.seed,
            eps=self.eps,
            images=self.own.images,
            reported=self.attack(checks.reported) if checks.reported is not None else None,
            transfer=[source for source in checks.transfer if source != name],
            budget=checks.budget,
        )

    def _analysis(self, part: str) -> AnalysisJob:
        reads, settings = self.study.settings.analysis_reads, self.settings
        conditions = self.study.params.evaluate if "conditions" in reads else None
        return AnalysisJob(
            **self._common(),
            part=part,
            given=self._given,
            settings=settings.model_dump(mode="json"),
            models=settings.shown_models([*self.trained]),
            replicates=self.replicates,
            seed=self.root.seed,
            eps=self.eps,
            images=self.own.images,
            share=self.own.share,
            train_images=self.own.train_images,
            remark=self.own.remark,
            as_published=self.own.as_published,
            inner_attack=self.own.inner_attack if "inner_attack" in reads else None,
            sizes=[*self.own.sizes] if "sizes" in reads else None,
            conditions=conditions,
            attacks={name: self.attack(name) for one in conditions.values() for name in one.attacks}
            if conditions
            else None,
            retrained={name: self.trained[name] for name in settings.retrained},
            explored={name: self._explored(name) for name in _explored(settings)} if part == "analyse" else {},
        )

    def _explored(self, condition: str) -> Explored:
        params = self.study.params
        evaluated = params.evaluate[condition]
        on = params.source if evaluated.on == "source" else None
        return Explored(attack=self.attack(evaluated.attacks[0]), on=on)


def _explored(settings: StudySettings) -> Collection[str]:
    """Conditions that an explorer shows images of."""
    return settings.explored if isinstance(settings, WithExplorer) else ()


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `changes` says, section by section."""
    nested = {
        key: _merged(base[key], value)
        for key, value in changes.items()
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
    }
    return {**base, **changes, **nested}
