"""The plan as files: a job for each thing that is run, with a fingerprint of the code that it uses."""

from collections.abc import Iterator
from pathlib import Path

from friendfoe.data.prepare import PrepareJob
from friendfoe.evaluation.job import EvaluationJob, GradientCheckJob
from friendfoe.plan.fingerprints import fingerprint
from friendfoe.plan.params import RootParams, read_root, read_study, study_names
from friendfoe.plan.resolve import Study, StudyOnData, configs, resolve
from friendfoe.report.page import ReportJob
from friendfoe.runtime import paths
from friendfoe.runtime.kinds import Kind
from friendfoe.runtime.strict import Strict
from friendfoe.studies.job import AnalysisJob, PerturbJob, PlotJob
from friendfoe.training.job import Job

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

Planned = dict[tuple[str, str], StudyOnData]


def read_plan() -> tuple[RootParams, Planned]:
    """All params, checked and resolved: those of the data sets, and each study on each of its data sets.

    Raises:
        UserError: params are not in order, or something cannot finish; with the place and the nearest valid name.
    """
    root = read_root()
    studies = {name: Study(name, *read_study(name)) for name in study_names()}
    return root, resolve(root, studies)


def texts() -> dict[Path, str]:
    """Everything that is planned as JSON, by the path of its file.

    Raises:
        UserError: as `read_plan`; or a module is not valid Python.
    """
    return {path: job.model_dump_json(indent=1, exclude_none=True) + "\n" for path, job in _jobs(*read_plan())}


def _jobs(root: RootParams, planned: Planned) -> Iterator[tuple[Path, Strict]]:
    for data, section in root.data.items():
        prepare = PrepareJob(data=data, source=section.source)
        yield paths.plan(data, "prepare"), _with_code(prepare, _modules(prepare))
        report = ReportJob(data=data)
        yield paths.plan(data, "report"), _with_code(report, _modules(report))
    for (data, study), on_data in planned.items():
        for name, job in on_data.jobs():
            yield paths.plan(data, study, name), _with_code(job, _modules(job) | _modules_of_models(on_data, job))


def _with_code(job: Strict, modules: set[str]) -> Strict:
    return job.model_copy(update={"code": fingerprint(frozenset(modules))})


def _modules(job: Strict) -> set[str]:
    """The modules that a job runs: its stage's, and those of its attacks, networks, method and study."""
    modules = {STAGES[type(job)], *(type(config).__module__ for config in configs(job) if isinstance(config, Kind))}
    if isinstance(job, AnalysisJob | PlotJob):
        part = job.part if isinstance(job, AnalysisJob) else "plot"
        modules |= {f"friendfoe.studies.{job.study}.{name}" for name in ("settings", part)}
    return modules


def _modules_of_models(on_data: StudyOnData, job: Strict) -> set[str]:
    """The modules of the networks that a job loads from the files of trained models."""
    models = getattr(job, "models", ()) if not isinstance(job, PlotJob) else ()
    networks = [variant.network for name in models for variant in on_data.trained[name].each()]
    if isinstance(job, PerturbJob | EvaluationJob):
        networks += on_data.source_networks()
    return {type(config).__module__ for network in networks for config in configs(network)}
