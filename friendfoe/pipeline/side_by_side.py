"""`dvc repro` with stages side by side: DVC says which stages there are, whether each is to be run, and keeps results.

Every stage is made by DVC's own code in a process of its own, as soon as those that it needs are done and there is
room for it: one after another where no more are asked for.
"""

import io
import logging
import os
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvc.cli import DvcParserError, parse_args
from dvc.exceptions import DvcException
from dvc.logger import setup
from dvc.repo import Repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
from dvc.stage import Stage
from dvc.stage.cache import RunCacheNotSupported

from friendfoe.pipeline.one_stage import Entry, Locks, reproduce
from friendfoe.pipeline.processes import Runner, Task
from friendfoe.pipeline.schedule import Schedule, Slots
from friendfoe.pipeline.times import Times
from friendfoe.pipeline.travel import check_remote, in_one_error
from friendfoe.pipeline.view import View
from friendfoe.runtime.errors import UserError

if TYPE_CHECKING:
    from friendfoe.pipeline.cluster import Cluster

LOGS = Path(".friendfoe/logs")
_LAST = 12  # lines of a log, where something fails
_TRANSFERS = ("dvc_data.hashfile.transfer", "dvc_data.index.fetch", "dvc_objects.fs.generic")
"""What says the same of every file where a remote breaks off."""


def run(
    targets: Sequence[str],
    options: Sequence[str],
    slots: Slots,
    cluster: "Cluster | None" = None,
    tell: Callable[[str], None] = print,
) -> int:
    """Bring targets of DVC, or all that a bare `dvc repro` does, up to date.

    Args:
        targets: as `dvc repro` takes them.
        options: of `dvc repro`.
        slots: what stages run on.
        cluster: whose nodes run them, in place of this machine.
        tell: is told in a line how it went, where nothing failed.

    Returns:
        The exit status; 128 + the number of a signal.

    Raises:
        UserError: DVC does not know a target or an option, or cannot read its files.
    """
    arguments = parse(targets, options)
    stages, addresses = load(Path(), arguments)
    arguments.pull = arguments.pull or bool(cluster)
    if arguments.pull and not arguments.no_run_cache:
        pull_runs(next(iter(stages)).repo)
    kwargs = {name: getattr(arguments, name) for name in ("force", "pull", "allow_missing", "no_commit")}
    kwargs["run_cache"] = not arguments.no_run_cache
    names = {stage: short(address) for stage, address in addresses.items()}
    way = cluster.make if cluster else make
    tasks = {name: Task(partial(way, stage, stages[stage], kwargs), log(name)) for stage, name in names.items()}
    needs = {names[stage]: [names[each] for each in upstream if each in names] for stage, upstream in stages.items()}
    locks = Locks({name: stage for stage, name in names.items()})
    keep_going = arguments.on_error == "keep-going"
    status, failed = run_tasks(tasks, needs, locks, slots, keep_going=keep_going, tell=tell)
    for stage, name in names.items():
        if name in failed:
            print(f"\n{addresses[stage]} failed; {end_of(log(name))}")
    return status


def run_tasks(
    tasks: Mapping[str, Task],
    needs: Mapping[str, Sequence[str]],
    locks: Locks,
    slots: Slots,
    *,
    keep_going: bool,
    tell: Callable[[str], None] = print,
    unit: str = "stages",
) -> tuple[int, set[str]]:
    """Run tasks in the order of their needs, show how they go, and remember how long they took.

    Returns:
        The exit status, 128 + the number of a signal; and the names of those that failed.
    """
    times = Times()
    schedule = Schedule(needs, times.of(tasks))
    view, began = View(schedule, slots, times, unit), time.monotonic()
    runner = Runner(schedule, slots, tasks, view, locks, keep_going)
    with view:
        runner.run()
    stopped = runner.stopped_by or schedule.failed
    (print if stopped else tell)(view.summary(time.monotonic() - began))
    if runner.stopped_by:
        print("interrupted; the same command goes on from here")
        return 128 + runner.stopped_by, set()
    return int(bool(schedule.failed)), set(schedule.failed)


def load(folder: Path, arguments: Namespace) -> tuple[dict[Stage, list[Stage]], dict[Stage, str]]:
    """The stages that `dvc repro` goes through in a project, with those that each needs, in its order; their addresses.

    Raises:
        UserError: DVC does not know a target, or cannot read its files.
    """
    before = Path.cwd()
    os.chdir(folder)  # where targets are files
    try:
        repo = Repo(_wait_for_lock=True)
        graph = get_active_graph(repo.index.graph)
        wanted = collect_stages(repo, arguments.targets or ["dvc.yaml"], arguments.recursive, arguments.glob)
        if arguments.all_pipelines:
            wanted = []
        stages = wanted
        if not arguments.single_item:
            stages = plan_repro(graph, wanted, pipeline=arguments.pipeline, downstream=arguments.downstream)
        addresses = {stage: stage.addressing for stage in stages}  # as from this folder
    except DvcException as error:
        raise UserError(in_one_line(error)) from None
    finally:
        os.chdir(before)
    return {stage: list(graph.successors(stage)) for stage in stages}, addresses


def make(
    stage: Stage,
    upstream: Sequence[Stage],
    options: Mapping[str, Any],
    begins: Callable[[], None],
    is_interrupted: Callable[[], bool],
) -> tuple[str, Entry | None]:
    """In a process of its own: bring a stage up to date; what became of it, for `processes.Runner`."""
    os.chdir(stage.repo.root_dir)
    speak()
    try:
        return reproduce(stage, upstream, begins, is_interrupted, **options)
    except (DvcException, OSError) as error:  # of a remote, of a disk
        print(in_one_line(error))
        return "failed", None


def speak() -> None:
    """Have DVC say what it does where this process prints."""
    for name in ("dvc", "dvc_data", "dvc_objects"):
        logging.getLogger(name).handlers.clear()
    setup()
    said: set[str] = set()

    def is_new(record: logging.LogRecord) -> bool:
        new = record.msg not in said
        said.add(record.msg)
        return new

    for name in _TRANSFERS:
        logging.getLogger(name).addFilter(is_new)


def short(address: str) -> str:
    """A stage of DVC as it is shown: `fgsm train@digits-rbf` for `pipelines/fgsm/dvc.yaml:train@digits-rbf`."""
    file, _, name = address.rpartition(":")
    return f"{Path(file).parent.name} {name}" if file else name


def log(name: str) -> Path:
    """The file for what a stage prints."""
    *folders, last = name.replace(": ", " ").split()
    return LOGS.joinpath(*folders, f"{last}.log")


def in_one_line(error: BaseException) -> str:
    """What DVC says, and why."""
    lines = []
    cause: BaseException | None = error
    while cause:
        lines.append(" ".join(str(cause).split()))
        cause = cause.__cause__
    lines = list(dict.fromkeys(lines))  # some say again what they come from
    return ": ".join(lines)


def end_of(file: Path) -> str:
    """The last lines of a log, below its name."""
    lines = file.read_text(errors="replace").splitlines()[-_LAST:]
    return "\n  ".join((f"the end of {file}:", *lines))


def parse(targets: Sequence[str], options: Sequence[str]) -> Namespace:
    """What `dvc repro` makes of its arguments.

    Raises:
        UserError: it does not know an option, or only DVC alone can have it.
    """
    logging.getLogger("dvc").setLevel(logging.CRITICAL)  # what it raises is said here; in a stage's process it speaks
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # all that there is
            arguments: Namespace = parse_args(["repro", *targets, *options])
    except DvcParserError:
        raise UserError(f"`dvc repro` does not have all of these options: {' '.join(options)}") from None
    if arguments.dry or arguments.interactive or arguments.force_downstream or arguments.on_error == "ignore":
        raise UserError(
            "--dry, --interactive, --force-downstream and --ignore-errors are for DVC alone: "
            f"`dvc repro {' '.join([*targets, *options])}`"
        )
    return arguments


def pull_runs(repo: Repo) -> None:
    """Have DVC's remote say what it has of earlier runs."""
    try:
        with in_one_error():
            check_remote(repo)
            repo.stage_cache.pull(None)
    except (DvcException, RunCacheNotSupported) as error:
        raise UserError(in_one_line(error)) from None
