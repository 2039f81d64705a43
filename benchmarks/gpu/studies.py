"""The studies as the pipeline runs them, several stages side by side; seconds of each, until the time is up.

This process has imported what stages need and never uses the GPU. It forks each of them, as `dvc repro` has it done
(`friendfoe.runtime.warm`): a stage can fork its replicates then, and what one breaks is its own.
"""

import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

from benchmarks.gpu import workspace
from benchmarks.gpu.setting import Setting, Tell
from friendfoe.evaluation.job import EvaluationJob, GradientCheckJob
from friendfoe.plan.pipeline import reads
from friendfoe.plan.whole import Plan
from friendfoe.plan.write import read_plan
from friendfoe.runtime.parents import end_with
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
_STAGES, _REPLICATES = 12, 3  # at once, and of each stage: 36 processes; MPS takes some 48
_MPS = "nvidia-cuda-mps-control"  # lets kernels of several processes run together


class Stage(NamedTuple):
    """A stage of a data set: its name, the paths that it reads, what runs it."""

    name: str
    needs: list[Path]
    run: Callable[[], None]


class Running(NamedTuple):
    """A stage that is being run: what may say why it failed, and since when."""

    process: BaseProcess
    said: Connection
    start: float


def measure(setting: Setting, tell: Tell) -> None:
    workspace.enter(setting)
    os.environ.setdefault("FRIENDFOE_WORKERS", str(_REPLICATES))
    plan = read_plan()
    with nullcontext() if setting.tiny else _sharing():
        for data in DATA:
            if data in plan.root.data:
                _run_all(data, _stages(plan, data), setting, tell)
            else:
                tell({"data": data, "stage": "all", "state": f"left out: its files are not in {setting.data}"})


@contextmanager
def _sharing() -> Iterator[None]:
    """Let processes share the card by MPS, where it is there and not running yet."""
    if shutil.which(_MPS) is None or "CUDA_MPS_PIPE_DIRECTORY" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="mps-") as folder:
        os.environ |= {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        subprocess.run([_MPS, "-d"], check=False)
        try:
            yield
        finally:
            subprocess.run([_MPS], input="quit\n", text=True, check=False, timeout=10)


def _run_all(data: str, waiting: list[Stage], setting: Setting, tell: Tell) -> None:
    """Run what can run, the first in the order of the plan, until nothing is left, or no time."""
    begin = time.monotonic()
    running: dict[str, Running] = {}
    while (waiting or running) and setting.left > 0:
        ready = (stage for stage in waiting if _is_ready(stage, running))
        if len(running) < (1 if setting.tiny else _STAGES) and (stage := next(ready, None)):
            waiting.remove(stage)
            running[stage.name] = _begun(stage)
            continue
        if not running:
            break
        for name, (process, said, start) in list(running.items()):
            if process.exitcode is not None:
                try:
                    state = said.recv()
                except EOFError:  # a crash of a driver, the memory killer
                    state = f"its process has ended with {process.exitcode}"
                tell({"data": data, "stage": name, "seconds": round(time.monotonic() - start, 2), "state": state})
                del running[name]
        time.sleep(0.02)
    why = "the time was up" if setting.left <= 0 else "what it reads was not made"
    for process, *_ in running.values():
        process.kill()
    for name in [*running, *(stage.name for stage in waiting)]:
        tell({"data": data, "stage": name, "state": f"left out: {why}"})
    tell({"data": data, "stage": "all", "state": "ok", "together": round(time.monotonic() - begin, 1)})


def _is_ready(stage: Stage, running: dict[str, Running]) -> bool:
    """Whether all that it reads is there, and none of it is still being written."""
    made = {name.split()[-1] for name in running}
    return all(need.exists() and made.isdisjoint({*need.parts, need.stem}) for need in stage.needs)


def _begun(stage: Stage) -> Running:
    context = multiprocessing.get_context("fork")
    ours, childs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(stage, childs, os.getpid()))
    process.start()
    childs.close()
    return Running(process, ours, time.monotonic())


def _work(stage: Stage, said: Connection, parent: int) -> None:
    """In the stage's process."""
    end_with(parent)
    try:
        stage.run()
        said.send("ok")
    except BaseException as error:  # the others go on, but for those that need it
        said.send(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


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
