"""The plan as files: a job for each thing that is run, with a fingerprint of the code that it uses."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from friendfoe.data.prepare import PrepareJob
from friendfoe.evaluation.job import EvaluationJob, GradientCheckJob
from friendfoe.models.config import NetworkConfig
from friendfoe.plan.fingerprints import fingerprint, with_files
from friendfoe.plan.names import Study
from friendfoe.plan.params import read_pipeline, read_root, read_study, study_file, study_names
from friendfoe.plan.resolve import StudyOnData
from friendfoe.plan.whole import Plan
from friendfoe.report.page import ReportJob
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.kinds import Kind
from friendfoe.runtime.strict import Strict
from friendfoe.studies.job import AnalysisJob, PerturbJob, PlotJob
from friendfoe.training.job import Job, MethodConfig

STAGES: dict[type[Strict], str] = {
    PrepareJob: "stages.prepare",
    Job: "stages.train",
    PerturbJob: "stages.perturb",
    EvaluationJob: "stages.evaluate",
    GradientCheckJob: "stages.check_gradients",
    AnalysisJob: "stages.analyse",
    PlotJob: "stages.plot",
    ReportJob: "stages.report",
}


def read_plan() -> Plan:
    """All params, checked.

    Raises:
        UserError: params are not in order; with the place and the nearest valid name.
    """
    plan = Plan(read_root(), {name: Study(name, *read_study(name), read_pipeline(name)) for name in study_names()})
    pipeline = Path("dvc.yaml")
    for name in plan.studies if pipeline.exists() else ():
        if f"{study_file(name)}\n" not in pipeline.read_text():
            raise UserError(f"{pipeline}: {study_file(name)} is missing under the deps of `plan`; add it")
    return plan


def texts(code: Path = Path()) -> dict[Path, str]:
    """Everything that is planned as JSON, by the path of its file; `code`: the folder whose code is fingerprinted.

    Raises:
        UserError: as `read_plan`; or something cannot finish; or a module is not valid Python.
    """
    return in_plan(read_plan(), code)


def in_plan(plan: Plan, code: Path = Path()) -> dict[Path, str]:
    """The same of a plan that has been read."""
    return {path: job.model_dump_json(indent=1, exclude_none=True) + "\n" for path, job in _jobs(plan, code)}


def _jobs(plan: Plan, code: Path) -> Iterator[tuple[Path, Strict]]:
    for data, section in plan.root.data.items():
        prepare = PrepareJob(data=data, source=section.source, least_classes=plan.least_classes(data))
        yield paths.plan(data, "prepare"), _with_code(prepare, _modules(prepare), code)
        report = ReportJob(data=data)
        yield paths.plan(data, "report"), _with_code(report, _modules(report), code)
    for name, study in plan.studies.items():
        for data in study.params.data:
            on_data = plan.on_data(data, name)
            for thing, job in on_data.jobs.items():
                networks = _networks(on_data, job)
                modules = _modules(job) | {type(config).__module__ for config in networks}
                used = [
                    config for config in (*_configs(job), *networks) if isinstance(config, NetworkConfig | MethodConfig)
                ]
                own = {file for config in used for file in config.files}
                yield paths.plan(data, name, thing), _with_code(job, modules, code, own)


def _with_code(job: Strict, modules: set[str], code: Path, own: Collection[Path] = ()) -> Strict:
    """The job with what stands for the code that does it, in which the user's own files count as code."""
    return job.model_copy(update={"code": with_files(fingerprint(frozenset(modules), code), own)})


def _modules(job: Strict) -> set[str]:
    """The modules that a job runs: its stage's, and those of its attacks, networks, method and study."""
    modules = {STAGES[type(job)], *(type(config).__module__ for config in _configs(job) if isinstance(config, Kind))}
    if isinstance(job, AnalysisJob | PlotJob):
        part = job.part if isinstance(job, AnalysisJob) else "plot"
        modules |= {f"friendfoe.studies.{job.study}.{name}" for name in ("settings", part)}
    return modules


def _networks(on_data: StudyOnData, job: Strict) -> list[BaseModel]:
    """The networks, with their parts, that a job loads from the files of models, or that its settings name."""
    models = getattr(job, "models", ()) if not isinstance(job, PlotJob) else ()
    models = [*models, *job.transfer] if isinstance(job, GradientCheckJob) else models
    networks = [variant.network for name in models for variant in on_data.trained[name].each()]
    if isinstance(job, PerturbJob | EvaluationJob):
        networks += on_data.source_networks()
    if isinstance(job, AnalysisJob):
        networks += [config for config in _configs(on_data.settings) if isinstance(config, NetworkConfig)]
    return [config for network in networks for config in _configs(network)]


def _configs(settings: Any) -> Iterator[BaseModel]:
    """All settings within settings, themselves included."""
    if isinstance(settings, BaseModel):
        yield settings
        settings = dict(settings)
    if isinstance(settings, Mapping):
        settings = [*settings.values()]
    if isinstance(settings, list | tuple):
        for item in settings:
            yield from _configs(item)
