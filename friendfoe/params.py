"""params.yaml as typed, checked sections; a script is handed only the sections that it asks for.

    p = params.load("data.digits.eps", "models.clean")
    p.data["digits"].eps          # 0.2
    p.data["digits"].replicates   # AttributeError: not asked for

What a script asks for is what its stage declares in dvc.yaml (a test compares the two), so that no result depends on a
param that DVC does not know of.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, PositiveInt, ValidationError, model_validator

from friendfoe.attacks.recipes import Recipe, known
from friendfoe.data.recipes import Source
from friendfoe.models.recipes import Network
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import Strict, nearest
from friendfoe.runtime.yaml import describe, explain, parse
from friendfoe.tailored import Eps, Tailored
from friendfoe.training.recipes import Distilled, Model, Name, Teacher, Training

FILE = Path("params.yaml")


class Data(Strict):
    """Everything that belongs to a data set."""

    source: Source
    eps: Eps = Field(description="size of a perturbation, pixels being in [0, 1]")
    replicates: PositiveInt = Field(description="independent seeds of every model")
    seed: int = Field(description="of everything random")
    network: Network = Field(description="of every model that names none")
    training: Training = Field(description="budget of every model")
    studies: dict[Name, Tailored] = Field({}, description="what a study has of its own on this data set")


class PerturbedSet(Strict):
    """A copy of a split in which every image is perturbed; replicate r is crafted on replicate r of `source`."""

    images: Literal["train", "test"]
    condition: Name
    source: Name = Field(description="the model that it is crafted on")


class Evaluation(Strict):
    """Images on which a model is evaluated: a split, a stored set, or images crafted for the occasion."""

    images: Literal["train", "test", "own"] = Field("test", description="own: those that the model was trained on")
    set: Name | None = Field(None, description="a stored perturbed set, in place of `images`")
    condition: Name | None = Field(None, description="perturb the images so")
    on: Name = Field("self", description="the model that they are crafted on; self: the evaluated one")
    worst: list[Name] = Field([], description="attack with each of these conditions until one succeeds")

    @model_validator(mode="after")
    def _one_way(self) -> Evaluation:
        if sum(map(bool, (self.set, self.condition, self.worst))) > 1:
            raise ValueError("`set`, `condition` and `worst` exclude one another; leave one")
        return self

    @property
    def conditions(self) -> list[Name]:
        """The conditions that it needs."""
        return [self.condition] if self.condition else self.worst


class Study(Strict, extra="allow"):
    """What every study has; its own settings are checked by `friendfoe.studies.NAME`."""

    models: list[Name] = Field(min_length=1)
    evaluate: dict[Name, Evaluation] = Field(default={}, description="what `stages/evaluate.py` counts class by class")


class Stages(Strict, extra="allow"):
    """For which names each kind of stage is made: the matrices of dvc.yaml. Further kinds are lists of models."""

    __pydantic_extra__: dict[str, list[Name]]
    base: list[Name]
    perturb: list[Name]
    augmented: list[Name]
    defence: list[Name]
    honesty: list[Name]
    distilled: list[PositiveInt]


class Params(Strict):
    """The whole of params.yaml."""

    datasets: list[Name] = Field(min_length=1)
    stages: Stages
    data: dict[Name, Data]
    conditions: dict[Name, Recipe]
    sets: dict[Name, PerturbedSet]
    models: dict[Name, Model]
    studies: dict[Name, Study]

    @model_validator(mode="after")
    def _names_exist(self) -> Params:
        sections: dict[str, dict[str, Any]] = {
            "data": self.data,
            "conditions": self.conditions,
            "sets": self.sets,
            "models": self.models,
            "studies": self.studies,
        }

        def check(place: str, name: str, section: str, *also: str) -> None:
            known = [*sections[section], *also]
            if name not in known:
                raise ValueError(f"{place}: there is no '{name}' under `{section}`; {nearest(name, known)}")

        def check_list(place: str, names: list[str], section: str) -> None:
            for name in names:
                check(place, name, section)
                if names.count(name) > 1:
                    raise ValueError(f"{place}: '{name}' stands there twice; leave one")

        check_list("datasets", self.datasets, "data")
        check_list("stages.base", self.stages.base, "models")
        check_list("stages.perturb", self.stages.perturb, "sets")
        check_list("stages.augmented", self.stages.augmented, "models")
        for kind, names in (self.stages.__pydantic_extra__ or {}).items():
            check_list(f"stages.{kind}", names, "models")
        check_list("stages.honesty", self.stages.honesty, "models")
        for temperature in self.stages.distilled:
            check_list("stages.distilled", [f"teacher-{temperature}", f"distilled-{temperature}"], "models")
        for data, section in self.data.items():
            for of in section.studies:
                check(f"data.{data}.studies", of, "studies")
                for changed in section.studies[of].models:
                    check(f"data.{data}.studies.{of}.models", changed, "models")
                own = section.studies[of]
                for kind in own.attacks:
                    if kind not in known():
                        place = f"data.{data}.studies.{of}.attacks"
                        raise ValueError(f"{place}: there is no attack '{kind}'; {nearest(kind, [*known()])}")
                for size, sized in own.sizes.items():
                    within = ("data", data, "studies", of)
                    _budget(section.training, {within: own.training, (*within, "sizes", size): sized.training})
        for name, wanted in self.sets.items():
            check(f"sets.{name}.condition", wanted.condition, "conditions")
            check(f"sets.{name}.source", wanted.source, "models")
            if not getattr(self.conditions[wanted.condition], "clip", True):
                raise ValueError(
                    f"sets.{name}.condition: '{wanted.condition}' has `clip: false`, and pixels outside [0, 1] "
                    "cannot be stored; evaluate a model under it instead"
                )
        for name, model in self.models.items():
            for images in model.images:
                check(f"models.{name}.images", images, "sets", "train")
                if images in self.sets and self.sets[images].images != "train":
                    raise ValueError(f"models.{name}.images: '{images}' is made of test images; train on none of them")
            for condition in model.conditions:
                check(f"models.{name}.condition", condition, "conditions")
            for data in self.data:
                training(self, data, name)
            if isinstance(model, Distilled):
                self._has_teacher(name, model)
            if (trained_for := study_of(self, name)) is not None:
                check(f"models.{name}.study", trained_for, "studies")
        for temperature in self.stages.distilled:
            self._is_pair(temperature)
        for name, study in self.studies.items():
            check_list(f"studies.{name}.models", study.models, "models")
            for key, evaluation in study.evaluate.items():
                place = f"studies.{name}.evaluate.{key}"
                if evaluation.set is not None:
                    check(f"{place}.set", evaluation.set, "sets")
                for condition in evaluation.conditions:
                    check(f"{place}.{'worst' if evaluation.worst else 'condition'}", condition, "conditions")
                check(f"{place}.on", evaluation.on, "models", "self")
                for condition in evaluation.conditions:
                    _check_attack(self, name, condition)
        return self

    def _is_pair(self, temperature: int) -> None:
        """The names teacher-T and distilled-T are to be trusted."""
        teacher, student = f"teacher-{temperature}", f"distilled-{temperature}"
        if getattr(self.models[teacher], "temperature", None) != temperature:
            raise ValueError(f"models.{teacher}: must be of the method `teacher`, of temperature {temperature}")
        if getattr(self.models[student], "teacher", None) != teacher:
            raise ValueError(f"models.{student}: must be of the method `distilled`, of the teacher '{teacher}'")

    def _has_teacher(self, name: str, student: Distilled) -> None:
        """A student learns from a teacher of the same images, image by image, replicate by replicate."""
        teacher = self.models.get(student.teacher)
        if not isinstance(teacher, Teacher):
            teachers = [name for name, model in self.models.items() if isinstance(model, Teacher)]
            raise ValueError(
                f"models.{name}.teacher: '{student.teacher}' is no model of the method `teacher`; "
                + nearest(student.teacher, teachers)
            )
        for key in ("images", "share", "study"):
            if getattr(teacher, key) != getattr(student, key):
                raise ValueError(f"models.{name}.{key}: must be that of its teacher, '{student.teacher}'")


def study_of(params: Params, model: str) -> str | None:
    """The study whose sizes and budgets a model is trained with, where its recipe names one."""
    return params.models[model].study


def tailored(params: Params, data: str, study: str | None) -> Tailored:
    """What a study has of its own on a data set; where that is nothing, the data set's eps."""
    section = params.data[data]
    own: Tailored | None = getattr(section, "studies", {}).get(study)
    return Tailored(eps=section.eps) if own is None else own


def training(params: Params, data: str, model: str) -> Training:
    """The training budget of a model on a data set: the data set's, with what the study and the model's recipe change.

    Raises:
        UserError: one changes a key that `Training` does not have, or to a value that it cannot take.
    """
    study, own = study_of(params, model), _own(params, data, model)
    changes: dict[tuple[str, ...], dict[str, Any]] = {("models", model): params.models[model].training}
    if own is not None:
        within = ("data", data, "studies", str(study))
        changes = {within: own.training, **changes}
        if model in own.models:
            changes[(*within, "models", model)] = own.models[model].training
    return _budget(params.data[data].training, changes)


def _budget(base: Training, changes: Mapping[tuple[str, ...], dict[str, Any]]) -> Training:
    """The training budget `base` with what each place of params.yaml changes, one after the other."""
    budget, made = base.model_dump(exclude_unset=True), base
    for place, changed in changes.items():
        budget |= changed
        try:
            made = Training.model_validate(budget)
        except ValidationError as error:
            raise ValueError(describe(error, budget, (*place, "training"))) from None
    return made


def _own(params: Params, data: str, model: str) -> Tailored | None:
    """What the model's study has of its own on a data set."""
    own: Tailored | None = getattr(params.data[data], "studies", {}).get(study_of(params, model))
    return own


def _check_attack(params: Params, study: str, condition: str) -> None:
    """That what a study changes of an attack is what the attack has."""
    recipe = params.conditions[condition]
    for data, section in params.data.items():
        if study in section.studies:
            try:
                section.studies[study].recipe(recipe)
            except ValidationError as error:
                place = ("data", data, "studies", study, "attacks", recipe.attack)
                raise ValueError(describe(error, section.studies[study].attacks[recipe.attack], place)) from None


def network(params: Params, data: str, model: str) -> Network:
    """The network of a model on a data set: what its study says of it there, its own, the study's or the data set's."""
    own = _own(params, data, model)
    here = own.models[model].network if own and model in own.models else None
    return here or params.models[model].network or (own and own.network) or params.data[data].network


def share(params: Params, data: str, model: str) -> float:
    """The share of each of its sets of images that a model is trained on: its own, of what its study takes."""
    own = _own(params, data, model)
    return params.models[model].share * (own.share if own else 1.0)


def replicates(params: Params, data: str, study: str | None) -> int:
    """The replicates of a study's own models on a data set; of all others where no study is named."""
    own = getattr(params.data[data], "studies", {}).get(study)
    return own.replicates if own and own.replicates else params.data[data].replicates


def read(path: Path = FILE) -> Params:
    """All of params.yaml, checked.

    Raises:
        UserError: the file is missing, not YAML, or says something that it cannot; with the place, the line, and the
            nearest valid name.
    """
    raw = parse(path)
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise explain(error, raw, path) from None


def load(*keys: str, path: Path = FILE) -> Params:
    """params.yaml, checked as a whole, cut down to the sections under `keys` ("data.digits.eps").

    Raises:
        UserError: as `read`; or a key that is not there, with the nearest valid name.
    """
    whole = read(path)
    part: dict[str, Any] = {}
    for key in keys:
        _copy(whole, part, key.split("."), f"{path}: {key}")
    view: Params = _view(whole, part)
    return view


def _copy(source: Any, target: dict[str, Any], words: list[str], place: str) -> None:
    """Enter `source`'s value at `words` into the nested dict `target`."""
    known = source if isinstance(source, dict) else dict(source)
    head, *rest = words
    if head not in known:
        raise UserError(f"{place}: there is no '{head}'; {nearest(head, list(known))}")
    if rest:
        _copy(known[head], target.setdefault(head, {}), rest, place)
    else:
        target[head] = None  # all of it


def _view(source: Any, part: dict[str, Any] | None) -> Any:
    """The same models and dicts as `source`, holding only what `part` names; its defaults are left out as well."""
    if part is None:
        return source
    if isinstance(source, dict):
        return {key: _view(source[key], inner) for key, inner in part.items()}
    assert isinstance(source, BaseModel)
    view = type(source).model_construct()
    view.__dict__.clear()
    view.__dict__.update({key: _view(getattr(source, key), inner) for key, inner in part.items()})
    return view
