"""What is planned as time of one core: what takes days is said before it begins.

Counted are the images that pass through networks, in training, crafting, evaluation and analysis. How long one takes
is what the network's kind says, to a factor of ten; or what was measured (`friendfoe.plan.pace`), to a factor of two.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from friendfoe import studies
from friendfoe.data.sources.config import SourceConfig
from friendfoe.evaluation.job import EvaluationJob, GradientCheckJob
from friendfoe.models.config import NetworkConfig
from friendfoe.runtime.strict import Strict
from friendfoe.studies.job import AnalysisJob, PerturbJob
from friendfoe.studies.passes import FALLEN, STANDING, Passes, of_attack
from friendfoe.training.job import Job

UNKNOWN = (50_000, 10_000)  # training and test images of a data set that nobody has read yet
TWO_TERMS = ("trades", "mart")  # losses of the image and of the attacked one


@dataclass(frozen=True)
class Pace:
    """Seconds of one core that an image takes."""

    trained: float  # in a step of training
    inner: float  # forward, and backward to the pixels, in the precision of training
    attacked: float  # the same in float32
    answered: float  # forward alone


Paces = Callable[[Job], Pace]
"""The pace of the network that a job trains, in its batches and precision."""


def coarse(job: Job) -> Pace:
    """What the kind of network says, to a factor of ten."""
    seconds = job.network.seconds
    return Pace(seconds, seconds, seconds, seconds / 3)


def costs(
    jobs: Mapping[str, Strict], source: SourceConfig, paces: Paces = coarse, images: tuple[int, int] | None = None
) -> Iterator[tuple[str, float]]:
    """Seconds of one core by the name of each job; `jobs` are all of a study on a data set that comes from `source`.

    `images`: how many there are to train and to test, where they have been counted.
    """
    train, test = (min(count, source.limit or count) for count in images or (source.known or UNKNOWN)[:2])
    trained = {name: job for name, job in jobs.items() if isinstance(job, Job)}

    def known(names: Iterable[str]) -> list[Job]:
        """Those of the models that are of this study."""
        return [trained[name] for name in names if name in trained]

    def through(models: Iterable[Job], passes: Passes) -> float:
        """Of passes through each of some models or, where it has any, through each of its variants."""
        return sum(_seconds(passes, paces(each)) for model in models for each in model.each())

    def again(model: Job, images: int, tested: int) -> float:
        """Of training a model."""
        return sum(_seconds(training(each, images, tested), paces(each)) for each in model.each())

    for name, job in jobs.items():
        if isinstance(job, Job):
            yield name, job.replicates * again(job, train, test) if job.method.trained else 0.0
        elif isinstance(job, PerturbJob):
            count = train if job.split == "train" else test
            yield name, job.replicates * through(known([job.source.split("/")[-1]]), of_attack(job.attack) * count)
        elif isinstance(job, EvaluationJob):
            each = (through([model], _evaluation(job, train, test, _standing(model))) for model in known(job.models))
            yield name, job.replicates * sum(each)
        elif isinstance(job, GradientCheckJob):
            model = trained[job.models[0]]
            passes = _check(job, _standing(model)) * min(job.budget.images, job.images or test, test)
            variants = [each for each in model.each() if not job.variants or each.name in job.variants]
            replicates = min(job.budget.replicates or model.replicates, model.replicates)
            yield name, replicates * sum(_seconds(passes, paces(each)) for each in variants)
        elif isinstance(job, AnalysisJob):
            parts = [
                again(model, train, 0) * what if isinstance(what, float) else through([model], what)
                for model, what in _of_analysis(job, trained, train, test)
            ]
            yield name, job.replicates * sum(parts)


def training(job: Job, train: int, test: int) -> Passes:
    """Passes through one replicate while it is trained on so many images, and tested on so many after every epoch."""
    images = min(train, job.train_images or train) * job.share * len(job.images)
    held_out = images * job.training.validation.share if job.training.validation else 0.0
    retrained = bool(job.training.validation and job.training.validation.retrain)
    each = _of_method(job) * (images - held_out * (not retrained))
    each += Passes(inner=held_out * (job.inner_attack.steps if job.inner_attack else 1), answered=test)
    return each * (job.training.epochs * (1 + retrained))


def _of_method(job: Job) -> Passes:
    """Passes of one image in a step."""
    method, inner = job.method, job.inner_attack.steps if job.inner_attack else 0
    if attack := getattr(method, "attack", None):
        return Passes(trained=2, inner=of_attack(attack).attacked)
    if parts := getattr(method, "distributions", None):
        climbed = sum((part.steps or inner) for part in parts if part.images == "adversarial" and part.strength)
        return Passes(trained=len(parts), inner=climbed)
    if job.inner_attack:
        objective = getattr(method, "objective", "")
        return Passes(trained=1 + (objective in TWO_TERMS), inner=1 if objective == "fgsm-at" else inner)
    return Passes(trained=1)


def _standing(job: Job) -> float:
    """Share of the images on which a model withstands the first attacks of several."""
    return STANDING if job.inner_attack or hasattr(job.method, "attack") else FALLEN


def _evaluation(job: EvaluationJob, train: int, test: int, standing: float) -> Passes:
    """Passes through a model, under all conditions."""
    shown = {"train": train, "own": train, "test": min(job.images or test, test)}
    every = Passes()
    for condition in job.conditions.values():
        attacks = sum((of_attack(job.attacks[name], standing) for name in condition.attacks), Passes(answered=1))
        every += attacks * (train if condition.set is not None else shown[condition.images])
    return every


def _check(job: GradientCheckJob, standing: float) -> Passes:
    """Passes of an image under all checks."""
    budget = job.budget
    passes = Passes(attacked=budget.passes - budget.queries, answered=standing * budget.queries)
    return passes + of_attack(job.reported, standing) * 2 if job.reported is not None else passes


def _seconds(passes: Passes, pace: Pace) -> float:
    return float(sum(getattr(passes, name) * seconds for name, seconds in vars(pace).items()))


def _of_analysis(
    job: AnalysisJob, trained: Mapping[str, Job], train: int, test: int
) -> Iterator[tuple[Job, Passes | float]]:
    """What a study says of a part of its analysis: passes through models, and how often one is trained again."""
    name = f"friendfoe.studies.{job.study}.effort"
    if find_spec(name) is None:
        yield from ((model, 1.0) for model in job.retrained.values())
        return
    settings = studies.settings(job.study).model_validate(job.settings)
    for model, what in import_module(name).effort(job, settings, train, test):
        if isinstance(model, NetworkConfig):  # of none of the models
            yield next(iter(trained.values())).model_copy(update={"network": model, "variants": {}}), what
        elif model in trained:
            yield trained[model], what
