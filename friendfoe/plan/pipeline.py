"""Whether a study's pipeline runs every job of it, and each stage depends on all that its job reads."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from friendfoe.evaluation.job import EvaluationJob, GradientCheckJob
from friendfoe.plan.names import Study
from friendfoe.plan.params import Pipeline, pipeline_file
from friendfoe.runtime import paths
from friendfoe.runtime.strict import Strict
from friendfoe.studies.job import AnalysisJob, PerturbJob, PlotJob
from friendfoe.training.job import Job


@dataclass(frozen=True)
class Stage:
    """A stage of a pipeline on one data set."""

    name: str
    deps: frozenset[Path]
    outs: frozenset[Path]

    def has(self, path: Path) -> bool:
        """Whether it depends on a path, or makes it, as such or in a folder."""
        return not {path, *path.parents}.isdisjoint(self.deps | self.outs)


def check_pipeline(study: Study, data: str, jobs: Mapping[str, Strict]) -> None:
    """Check that the stages of a study on a data set are those of its jobs; nothing where it has no dvc.yaml.

    Raises:
        UserError: a job has no stage; or its stage does not depend on something that the job reads.
    """
    stages, file = list(_stages(study.pipeline, data)), pipeline_file(study.name)
    for name, job in jobs.items() if stages else ():
        plan = paths.plan(data, study.name, name)
        by_it = [stage for stage in stages if (plan.parent if isinstance(job, PlotJob) else plan) in stage.deps]
        if not by_it:
            study.refuse(f"'{name}' has no stage in {file}; leave it out of these params, or add its stage there")
        for path in sorted(reads(job, jobs)):
            if not all(stage.has(path) for stage in by_it):
                study.refuse(
                    f"data.{data}: '{name}' reads {path}, on which its stage does not depend; add that to `deps` of "
                    f"{by_it[0].name} in {file}"
                )


def reads(job: Strict, jobs: Mapping[str, Strict]) -> Iterator[Path]:
    """What a job reads besides its plan, as params decide it; `jobs` are all of the study on the data set, by name.

    Whether a plot draws training curves is decided by the study's code: its dvc.yaml says so.
    """
    if isinstance(job, Job):
        yield paths.prepared(job.data)
        yield from (paths.perturbed(job.data, job.study, "train", name) for name in job.images if name != "train")
        yield from job.method.inputs(job, 0)
    elif isinstance(job, PerturbJob):
        yield from (paths.prepared(job.data), paths.model(job.data, *job.source.split("/", 1)))
    elif isinstance(job, EvaluationJob | GradientCheckJob | AnalysisJob):
        yield paths.prepared(job.data)
        yield from (paths.model(job.data, job.study, name) for name in job.models)
        if isinstance(job, GradientCheckJob):
            yield from (paths.model(job.data, job.study, name) for name in job.transfer)
        if isinstance(job, EvaluationJob):
            yield from _read_by_conditions(job, jobs)
        if isinstance(job, AnalysisJob):
            sets = (other for other in jobs.values() if isinstance(other, PerturbJob) and other.split == "test")
            yield from (paths.perturbed(other.data, other.study, "test", other.name) for other in sets)
    elif isinstance(job, PlotJob):
        for other in jobs.values():
            if isinstance(other, AnalysisJob):
                yield paths.analysis(job.data, job.study, other.part)
            elif isinstance(other, GradientCheckJob):
                for name in other.models:
                    yield from (
                        paths.gradients(job.data, job.study, name),
                        paths.checks(job.data, job.study, name),
                    )
            elif isinstance(other, EvaluationJob):
                for name in other.models:
                    yield from (paths.evaluation(job.data, job.study, name), paths.outcomes(job.data, job.study, name))


def _read_by_conditions(job: EvaluationJob, jobs: Mapping[str, Strict]) -> Iterator[Path]:
    sets = {condition.set for condition in job.conditions.values() if condition.set is not None}
    if any(condition.images == "own" for condition in job.conditions.values()):
        trained = [model for name in job.models if isinstance(model := jobs[name], Job)]
        sets |= {name for model in trained for name in model.images} - {"train"}
    yield from (paths.perturbed(job.data, job.study, "train", name) for name in sets)
    if job.source is not None and any(condition.on == "source" for condition in job.conditions.values()):
        yield paths.model(job.data, *job.source.split("/", 1))


def _stages(pipeline: Pipeline, data: str) -> Iterator[Stage]:
    """The stages on one data set, with what DVC puts in place of ${...}."""
    for name, stage in pipeline.stages.items():
        axes = {key: _names(axis, pipeline.params) for key, axis in stage["matrix"].items()} | {"data": [data]}
        for words in product(*axes.values()):
            item = {f"item.{key}": word for key, word in zip(axes, words, strict=True)}
            outs = (entry for key in ("outs", "metrics", "plots") for entry in stage.get(key, ()))
            yield Stage(
                f"{name}@{'-'.join(words)}",
                frozenset(_filled(path, item, pipeline.params) for path in stage["deps"]),
                frozenset(
                    _filled(out if isinstance(out, str) else next(iter(out)), item, pipeline.params) for out in outs
                ),
            )


def _names(axis: str | Collection[str], params: Any) -> list[str]:
    """The names along an axis of a matrix: "${sets.train}", the keys or items of a section, or the names themselves."""
    if isinstance(axis, str):
        axis = _at(axis.removeprefix("${").removesuffix("}"), params) or ()
    return [str(name) for name in axis]


def _filled(path: str, item: Mapping[str, str], params: Any) -> Path:
    """The path with what stands in place of ${item.model}, ${source} and ${checks.transfer[0]}."""
    return Path(re.sub(r"\$\{([^}]+)\}", lambda found: item.get(found[1]) or str(_at(found[1], params)), path))


def _at(place: str, params: Any) -> Any:
    """What stands at a place of params such as "checks.transfer[0]"; None where there is nothing."""
    section = params
    for word in re.findall(r"[\w-]+", place):
        if isinstance(section, list):
            section = section[int(word)] if word.isdigit() and int(word) < len(section) else None
        else:
            section = section.get(word) if isinstance(section, Mapping) else None
    return section
