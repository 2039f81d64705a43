"""The studies as the pipeline runs them, stage by stage; seconds of each, until the time is up.

This process has imported what stages need and never uses the GPU. It forks each of them, as `dvc repro` has it done
(`friendfoe.runtime.warm`): a stage can fork its replicates then, and what one breaks is its own.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.gpu import workspace
from benchmarks.gpu.setting import Setting, Tell
from friendfoe.evaluation.job import EvaluationJob, GradientCheckJob
from friendfoe.plan.pipeline import reads
from friendfoe.plan.whole import Plan
from friendfoe.plan.write import read_plan
from friendfoe.runtime.forks import Workers
from friendfoe.runtime.strict import Strict
from friendfoe.studies.job import AnalysisJob, PerturbJob
from friendfoe.training.job import Job
from stages import analyse, check_gradients, evaluate, perturb, plot, prepare, train

DATA = ("digits", "fashion_mnist")
ORDER = (
    "assistive",
    "fgsm",
    "classwise",
    "distillation",
    "advprop",
)  # what others start from, and what is short, first


class Stage(NamedTuple):
    """A stage of a data set: its name, the paths that it reads, what runs it."""

    name: str
    needs: list[Path]
    run: Callable[[], None]


def measure(setting: Setting, tell: Tell) -> None:
    workspace.enter(setting)
    plan = read_plan()
    for data in DATA:
        if data in plan.root.data:
            _run_all(data, _stages(plan, data), setting, tell)
        else:
            tell({"data": data, "stage": "all", "state": f"left out: its files are not in {setting.data}"})


def _run_all(data: str, waiting: list[Stage], setting: Setting, tell: Tell) -> None:
    """Run what can run, the first in the order of the plan, until nothing is left, or no time."""
    while waiting and setting.left > 0:
        stage = next((stage for stage in waiting if all(map(Path.exists, stage.needs))), None)
        if stage is None:
            for stage in waiting:
                tell({"data": data, "stage": stage.name, "state": "left out: what it reads was not made"})
            return
        waiting.remove(stage)
        start, state = time.monotonic(), "ok"
        try:
            for _ in Workers(1).run([(stage.name, lambda send, run=stage.run: run())]):
                pass
        except Exception as error:  # the others go on, but for those that need it
            state = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        tell({"data": data, "stage": stage.name, "seconds": round(time.monotonic() - start, 2), "state": state})
    if waiting:
        tell({"data": data, "stage": f"{len(waiting)} further", "state": "left out: the time was up"})


def _stages(plan: Plan, data: str) -> list[Stage]:
    """Every stage of a data set."""
    stages = [Stage("prepare", [], lambda: prepare.main(data))]
    for study in sorted(plan.studies, key=ORDER.index):
        if data in plan.studies[study].params.data:
            jobs = plan.on_data(data, study).jobs
            stages += [
                Stage(f"{study} {name}", [*reads(job, jobs)], _run(data, study, name, job))
                for name, job in jobs.items()
            ]
    return stages


def _run(data: str, study: str, name: str, job: Strict) -> Callable[[], None]:
    if isinstance(job, Job):
        return lambda: train.main(data, study, [name])
    if isinstance(job, PerturbJob):
        return lambda: perturb.main(data, study, name)
    if isinstance(job, EvaluationJob):
        return lambda: evaluate.main(data, study, name.removeprefix("evaluate").removeprefix("-"))
    if isinstance(job, GradientCheckJob):
        return lambda: check_gradients.main(data, study, name.removeprefix("check-gradients-"))
    if isinstance(job, AnalysisJob):
        return lambda: analyse.main(data, study, name)
    return lambda: plot.main(data, study)
