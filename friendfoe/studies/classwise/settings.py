"""What only the class-wise study has in its params.yaml."""

from collections.abc import Collection, Mapping
from typing import Annotated

from pydantic import Field, NonNegativeInt
from typing_extensions import Self

from friendfoe.evaluation.job import ATTACKED, CLEAN, Condition
from friendfoe.runtime.strict import Count, Strict
from friendfoe.studies.classes import few_classes
from friendfoe.studies.classwise.names import ATTACK, CONDITIONS, DEFENCES, MODEL, MODELS, STRONGEST, TEMPERATURES
from friendfoe.studies.job import Counts, WithExplorer
from friendfoe.training.job import Job


class Homing(Strict):
    """Networks trained without the classes that most images are attacked into."""

    removals: NonNegativeInt = Field(description="how many of these classes, each left out alone")
    group: NonNegativeInt = Field(description="how many of them are left out together; below 2: no such network")


class Mitigation(Strict):
    """What is done to a trained network for its weakest class."""

    strengths: list[Annotated[float, Field(gt=0, le=1000)]] = Field(
        min_length=1,
        max_length=100,
        description="of the prior adjustment; the best on held-out images is taken, or none",
    )


class Standard(Strict):
    """The standard AutoAttack, as a check of a reduced one; not run where the study's own is the standard one."""

    images: Count = Field(description="how many test images of one replicate")


class Settings(WithExplorer):
    """What only this study has."""

    needed_models = tuple(MODELS)
    needed_conditions = {name: CLEAN if name == "clean" else ATTACKED for name in CONDITIONS}
    analysis_reads = frozenset({"conditions", "inner_attack"})
    retrained = (MODEL,)
    explored = ("fgsm", ATTACK, "transfer", "square", STRONGEST)

    homing: Homing
    mitigation: Mitigation
    standard: Standard

    def check(self, models: Mapping[str, Job], conditions: Mapping[str, Condition], classes: int | None) -> None:
        """The analysis attacks as the evaluations do, and needs held-out images."""
        for key, number in self.homing:
            if classes is not None and number > classes:
                raise ValueError(f"homing.{key}: {number}: there are {classes} classes")
        for name in (*TEMPERATURES, STRONGEST):
            condition = conditions[name]
            if (condition.attack, condition.on, condition.images) != (name, "self", "test"):
                raise ValueError(
                    f"evaluate.{name}: the analysis attacks with '{name}', so it must be {{attack: {name}}}"
                )
        for name in DEFENCES:
            if models[name].training.held_out is None:
                raise ValueError(
                    f"models.{name}.training: this study needs `validation` without `retrain`, the training images on "
                    "which an epoch is chosen and a prior is fitted"
                )
        for name in MODELS:
            if (kind := models[name].network.kind) in ("ensemble", "rbf"):
                raise ValueError(f"models.{name}.network: kind `{kind}` has no last layer with a row for each class")

    def without_training(self, given: Collection[str]) -> list[str]:
        """Homing trains the first defence again; the rest stands, but for what held-out images are."""
        notes = [f"Homing, which trains {MODELS[MODEL]} again, is left out: {MODELS[MODEL]} is given."] * (
            MODEL in given
        )
        if names := [title for name, title in MODELS.items() if name in given]:
            notes.append(
                f"{' and '.join(names)} may have been trained on the images that are held out of training here."
            )
        return notes

    def on_classes(self, train: Counts, test: Counts) -> tuple[Self, list[str]]:
        """Nothing else: homing leaves out what it can, and two classes stay."""
        notes = few_classes(len(test))
        if len(test) < 3:
            notes.append("Homing needs a third class, and there is none.")
        elif len(test) < self.homing.group + 2:
            notes.append(f"Homing leaves out no {self.homing.group} classes together: two have to stay.")
        return self, notes
