"""Names that params use: each is looked up before anything runs, and refused where it may not stand."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from friendfoe.attacks.config import AttackConfig
from friendfoe.attacks.threat import Goal
from friendfoe.plan.params import ModelParams, Pipeline, StudyParams, study_file
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.kinds import kinds
from friendfoe.runtime.strict import nearest
from friendfoe.studies.job import StudySettings


@dataclass(frozen=True)
class Study:
    """A study as its params say."""

    name: str  # of the study
    params: StudyParams  # its pipelines/NAME/params.yaml
    settings: StudySettings  # what only this study has in it
    pipeline: Pipeline

    @property
    def models(self) -> dict[str, ModelParams]:
        """All models, those that are trained on perturbed sets last."""
        return {**self.params.models, **self.params.augmented}

    def matrices(self) -> list[tuple[str, Collection[str]]]:
        """What has a stage for each name, by its place in params.yaml."""
        params = self.params
        models = [("models", params.models), ("augmented", params.augmented)]
        return [*models, ("sets.train", params.sets.train), ("sets.test", params.sets.test)]

    def refuse(self, problem: str) -> NoReturn:
        """Say what is wrong with its params."""
        raise UserError(f"{study_file(self.name)}: {problem}")

    def known(self, place: str, name: str, names: Mapping[str, Any], kind: str) -> None:
        """Refuse a name that there is not."""
        if name not in names:
            self.refuse(f"{place}: there is no {kind} '{name}'; {nearest(name, [*names])}")


def check_names(study: Study, data_sets: Mapping[str, Any], studies: Mapping[str, Study]) -> None:
    """Check that every name which a study's params use is there, and may be used where it stands.

    Raises:
        UserError: one is not, with its place and the nearest that is.
    """
    params, settings = study.params, study.settings
    for data, own in params.data.items():
        study.known("data", data, data_sets, "data set")
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
        for attack in condition.worst or ():
            _check_foe(study, f"{place}.worst", attack)
        if condition.on == "source" and params.source is None:
            study.refuse(f"{place}.on: there is no `source`; name one, such as {study.name}/{next(iter(study.models))}")
    for name in params.checked:
        study.known("checked", name, study.models, "model")
    for place, section in (*study.matrices(), ("checked", params.checked)):
        of_stages = [f"{data}-{name}" for data in params.data for name in section]
        if twice := next((stage for stage in of_stages if of_stages.count(stage) > 1), None):
            study.refuse(f"{place}: '{twice}' would be the name of two stages; take another name")
    _check_needs(study, "models", settings.needed_models, study.models)
    _check_needs(study, "checked", settings.needed_checks, params.checked)
    for name in params.checks.transfer:
        study.known("checks.transfer", name, study.models, "model")
    if params.checks.reported is not None:
        _check_foe(study, "checks.reported", params.checks.reported)
    _check_needs(study, "sets.test", settings.needed_sets, params.sets.test)
    _check_needs(study, "evaluate", settings.needed_conditions, params.evaluate)
    for name, meaning in settings.needed_conditions.items():
        if (here := params.evaluate[name].meaning) != meaning:
            study.refuse(f"evaluate.{name}: the tables of this study take it for {meaning}, and here it is {here}")


def _check_foe(study: Study, place: str, name: str) -> None:
    """An attack after which it is asked which images withstood."""
    study.known(place, name, study.params.attacks, "attack")
    config = study.params.attacks[name]
    if getattr(config, "goal", Goal.FOE) is not Goal.FOE:
        study.refuse(f"{place}: '{config.kind_name}' with `goal: friend` lets no image fall; name foes")
    if not config.storable:
        study.refuse(f"{place}: with `clip: false` an attack leaves no image for the next one")


def _check_needs(study: Study, place: str, needed: Collection[str], names: Collection[str]) -> None:
    missing = [name for name in needed if name not in names]
    if missing:
        study.refuse(f"{place}: the tables of this study need '{missing[0]}', too")


def _check_models(study: Study) -> None:
    params = study.params
    names = [name for _, section in study.matrices() for name in section]
    reserved = {"evaluate", "plot", *study.settings.parts, *study.settings.reserved}
    for name in names:
        if names.count(name) > 1 or name in reserved or name.startswith(("evaluate-", "check-gradients-")):
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
    passed = [study.name]
    while sets and owner in studies and model in studies[owner].params.augmented:
        if owner in passed:
            study.refuse(f"source: '{params.source}' is itself trained on sets; name a model of clean images")
        passed.append(owner)
        owner, _, model = (studies[owner].params.source or "").partition("/")
