"""`dvc repro` with what is needed before it and after it."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from friendfoe import runtime
from friendfoe.comparison import kept
from friendfoe.pipeline import leftovers, needs
from friendfoe.pipeline.targets import Targets, resolve
from friendfoe.runtime import locks, outputs, paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.yaml import parse

_PATIENCE = 2.0  # seconds: stages of a run that was killed end a moment after it


def repro(
    words: Sequence[str], options: Sequence[str], jobs: int | None = None, gpus: int | None = None, ray: str = ""
) -> int:
    """Run `dvc repro` for studies and data sets (`targets.resolve`), then renew the pages above them.

    Args:
        words: what is to be made.
        options: of `dvc repro`.
        jobs: how many stages at once; one after another where it is not given.
        gpus: on how many GPUs they are spread; all that there are where it is not given.
        ray: the address of a Ray cluster, whose nodes run them.

    Returns:
        The exit status; 128 + the number of a signal.

    Raises:
        UserError: something that is needed is missing, or a disk is full, or params are not in order, or another one
            runs here.
    """
    if gpus is not None and jobs is None and not ray:
        raise UserError(f"--gpus {gpus} is for stages side by side: give --jobs, too")
    with alone():
        return _repro(words, options, jobs, gpus, ray)


@contextmanager
def alone() -> Iterator[None]:
    """Keep a second one out of this project in the block; mend first what a killed one has left in the way.

    Raises:
        UserError: something that is needed is missing, or another one runs already.
    """
    # stages call `python`
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    needs.check()
    deadline = time.monotonic() + _PATIENCE
    while not (lock := locks.take("repro")):
        if time.monotonic() > deadline:
            raise UserError(f"this project is being made by {locks.holder('repro')}; wait for its end, or stop it")
        time.sleep(0.05)
    try:
        _notes(leftovers.mend())
        yield
    finally:
        locks.release(lock)


def _repro(words: Sequence[str], options: Sequence[str], jobs: int | None, gpus: int | None, ray: str) -> int:
    from friendfoe.plan.write import read_plan

    targets = resolve(words, read_plan())
    needs.check_disks(_bytes_to_make(targets))
    kept.take_in()
    from friendfoe.pipeline.schedule import Slots, cards
    from friendfoe.pipeline.side_by_side import run

    took: list[str] = []
    if ray:
        from friendfoe.pipeline.cluster import connect

        with connect(ray, jobs, gpus) as cluster:
            status = run(targets.names, options, Slots(cluster.part.jobs, runtime.workers()), cluster, took.append)
    else:
        slots = Slots(jobs or 1, runtime.workers(), cards(gpus) if jobs else ())
        status = run(targets.names, options, slots, tell=took.append)
    if status:
        _notes(_put_back())
        return status
    _show(targets, *took)
    _notes(needs.notes())
    return 0


def _bytes_to_make(targets: Targets) -> int:
    """How much the outputs took, by the locks, that are not in their place now."""
    outs: dict[str, int] = {}
    for data, study in targets.reports:
        lock = paths.PIPELINES / study / "dvc.lock"
        stages = parse(lock).get("stages", {}) if lock.exists() else {}
        every = (out for stage in stages.values() for out in stage.get("outs", ()))
        outs |= {out["path"]: out.get("size", 0) for out in every if data in Path(out["path"]).parts}
    return sum(size for path, size in outs.items() if not Path(path).exists())


def _put_back() -> Iterator[str]:
    """Where a disk is full, DVC has removed what a stage has just made, and cannot bring it back from its cache."""
    try:
        needs.check_disks()
    except UserError as full:
        for folder in outputs.put_back_kept():
            yield (
                f"{folder} is finished and in its place again: once there is room, `dvc commit -f` with the stage that "
                "failed takes it as it is, and nothing is computed again"
            )
        raise full from None


def _show(targets: Targets, took: str) -> None:
    """Renew the pages above the studies, and show what the run has come to, and what it took."""
    from rich.console import Console

    from friendfoe.pipeline import ending
    from friendfoe.report.page import PAGE, write_data_page, write_top_page

    made = [(data, study) for data, study in targets.reports if (paths.report(data, study) / PAGE).exists()]
    for data in dict.fromkeys(data for data, _ in made):
        write_data_page(data)
    if made:
        write_top_page()
        ending.show(made, took, Console(width=None if sys.stdout.isatty() else 400))  # to a pipe in full width
    else:
        print(took)


def _notes(lines: Iterator[str]) -> None:
    for line in lines:
        print(f"note: {line}", file=sys.stderr, flush=True)
