"""What is planned as time of one core, to a factor of ten: what takes days is said before it begins.

Counted are images that pass through networks forward and backward, in training, crafting and evaluation.
"""

from collections.abc import Iterator, Mapping

from friendfoe.attacks.config import AttackConfig
from friendfoe.data.sources.config import SourceConfig
from friendfoe.evaluation.job import EvaluationJob, GradientCheckJob
from friendfoe.models.config import SMALL
from friendfoe.runtime.strict import Strict
from friendfoe.studies.job import AnalysisJob, PerturbJob
from friendfoe.training.job import Job

DAY = 24 * 3600.0
UNKNOWN = (50_000, 10_000)  # training and test images of a data set that nobody has read yet


def costs(jobs: Mapping[str, Strict], source: SourceConfig) -> Iterator[tuple[str, float]]:
    """Seconds of one core by the name of each job; `jobs` are all of a study on a data set that comes from `source`."""
    train, test, *_ = source.known or UNKNOWN
    images = {split: min(count, source.limit or count) for split, count in (("train", train), ("test", test))}
    for name, job in jobs.items():
        if isinstance(job, Job):
            yield name, sum(_training(each, images["train"]) for each in job.each() if job.method.trained)
        elif isinstance(job, PerturbJob):
            yield name, images[job.split] * job.replicates * _passes(job.attack) * SMALL
        elif isinstance(job, EvaluationJob):
            attacked = min(job.images or images["test"], images["test"])
            attacks = [job.attacks[name] for condition in job.conditions.values() for name in condition.attacks]
            passes = len(job.conditions) + sum(map(_passes, attacks))
            yield name, attacked * job.replicates * passes * _of_models(job.models, jobs)
        elif isinstance(job, GradientCheckJob):
            passes = job.budget.passes + (2 * _passes(job.reported) if job.reported is not None else 0)
            attacked = min(job.budget.images, job.images or images["test"], images["test"])
            checked = sum(
                min(job.budget.replicates or model.replicates, model.replicates) * each.network.seconds
                for model in (jobs[name] for name in job.models)
                if isinstance(model, Job)
                for each in model.each()
                if not job.variants or each.name in job.variants
            )
            yield name, attacked * passes * checked
        elif isinstance(job, AnalysisJob):
            again = (each for each in job.retrained.values() if each.method.trained)
            yield name, sum(_training(each, images["train"]) for each in again)


def in_words(seconds: float) -> str:
    """About how long, in the unit that fits."""
    units = {"year": 365 * DAY, "day": DAY, "hour": 3600.0, "minute": 60.0}
    unit = next((unit for unit, length in units.items() if seconds >= length), "minute")
    count = max(1, round(seconds / units[unit]))
    return f"about {count:,} {unit}{'s' * (count > 1)}"


def _training(job: Job, images: int) -> float:
    """Seconds; every step of an attack is a pass more."""
    attack = getattr(job.method, "attack", None)
    steps = job.inner_attack.steps if job.inner_attack else _passes(attack) if isinstance(attack, AttackConfig) else 0
    each_epoch = min(images, job.train_images or images) * job.share * len(job.images) * (1 + steps)
    return job.replicates * job.training.epochs * each_epoch * job.network.seconds


def _passes(attack: AttackConfig) -> float:
    """Passes of one image under an attack."""
    setting = dict(attack)
    searches = setting.get("restarts", 1) * setting.get("binary_search_steps", 1)
    steps = setting.get("steps", 1) * searches * (1 + 2 * setting.get("n_target_classes", 0))
    return float(steps + setting.get("n_queries", 0))


def _of_models(models: list[str], jobs: Mapping[str, Strict]) -> float:
    """Seconds of a pass through each of some models, together."""
    return sum(job.network.seconds for name in models if isinstance(job := jobs[name], Job))
