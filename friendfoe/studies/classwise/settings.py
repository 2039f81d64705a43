"""What only the class-wise study has in its params.yaml."""

from collections.abc import Mapping

from pydantic import Field, NonNegativeInt, PositiveFloat

from friendfoe.evaluation.job import Condition
from friendfoe.runtime.strict import Strict
from friendfoe.studies.classwise.names import ATTACK, CONDITIONS, MODEL, MODELS
from friendfoe.studies.job import StudySettings
from friendfoe.training.job import Job


class Homing(Strict):
    """Networks trained without the classes that most images are attacked into."""

    removals: NonNegativeInt = Field(description="how many of these classes, each left out alone")
    group: NonNegativeInt = Field(description="how many of them are left out together; below 2: no such network")


class Mitigation(Strict):
    """What is done to a trained network for its weakest class."""

    strengths: list[PositiveFloat] = Field(
        min_length=1, description="of the prior adjustment; the best on held-out images is taken, or none"
    )


class Settings(StudySettings):
    """What only this study has."""

    needed_models = tuple(MODELS)
    needed_conditions = tuple(CONDITIONS)
    analysis_reads = frozenset({"conditions", "inner_attack"})
    retrained = (MODEL,)

    homing: Homing
    mitigation: Mitigation

    def check(self, models: Mapping[str, Job], conditions: Mapping[str, Condition]) -> None:
        """The analysis attacks as the evaluations do, and needs held-out images."""
        pgd = conditions["pgd"]
        if (pgd.attack, pgd.on, pgd.images) != (ATTACK, "self", "test"):
            raise ValueError(f"evaluate.pgd: the analysis attacks with '{ATTACK}', so it must be {{attack: {ATTACK}}}")
        if models[MODEL].training.validation is None:
            raise ValueError(
                f"models.{MODEL}.training: this study needs `validation`, the training images on which an epoch is "
                "chosen and a prior is fitted"
            )
