"""`friendfoe sweep`: one table and one figure of what other values in params come to.

All stages of all points are scheduled together. What two points have in common is run by one of them, and is in the
run-cache when the other one comes to it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from friendfoe import runtime
from friendfoe.pipeline import needs
from friendfoe.pipeline.one_stage import Entry, Locks
from friendfoe.pipeline.points import COPIES, Point, as_edited, grid, keep, prepare, remove, state
from friendfoe.pipeline.processes import Task
from friendfoe.pipeline.repro import alone
from friendfoe.pipeline.schedule import Slots, cards
from friendfoe.pipeline.side_by_side import end_of, load, log, make, parse, pull_runs, run_tasks, short
from friendfoe.pipeline.sweep_results import Metric, report, results, write
from friendfoe.pipeline.targets import Targets, resolve
from friendfoe.runtime import locks
from friendfoe.runtime.errors import UserError

if TYPE_CHECKING:
    from friendfoe.pipeline.cluster import Cluster

FOLDER = Path("sweeps")


def sweep(
    words: Sequence[str],
    settings: Sequence[str],
    metrics: Sequence[str],
    *,
    jobs: int | None = None,
    gpus: int | None = None,
    ray: str = "",
    name: str = "",
) -> int:
    """Run studies at every combination of values, and write down in `sweeps/NAME` what comes of it.

    Points that are finished, here or by an earlier call, are experiments of DVC, and not run again.

    Args:
        words: studies and data sets.
        settings: "KEY=V1,V2,..." as `dvc exp run -S` takes them; all combinations of several.
        metrics: "METRIC(MODEL, CONDITION)" of the studies' measurements; their headline numbers where none is given.
        jobs: how many stages at once; where it is not given, one, or on a cluster as many as it has room for.
        gpus: on how many GPUs they are spread; all that there are where it is not given.
        ray: the address of a Ray cluster, whose nodes run them.
        name: of the folder.

    Returns:
        The exit status: 0 where all points are finished; 128 + the number of a signal.

    Raises:
        UserError: something that is needed is missing, or a word, a setting or a metric is not in order.
    """
    wanted = [Metric.of(text) for text in metrics]
    with alone():
        from friendfoe.plan.write import read_plan

        targets = resolve(words, read_plan())
        if not words or not targets.reports:
            raise UserError("name what is to be made at every point: studies and data sets, such as `assistive digits`")
        here = state()
        points = grid(settings, here, *targets.names)
        finished = {point.name for point in points if point.ref()}
        if finished:
            print(f"{len(finished)} of {len(points)} points are finished")
        for point in points:
            remove(point) if point.name in finished else prepare(point, here)
        status = 0
        if len(finished) < len(points):
            needs.check_disks()
            rest = [point for point in points if point.name not in finished]
            if ray:
                from friendfoe.pipeline.cluster import connect

                with connect(ray, jobs, gpus, {point.copy: as_edited(point, here) for point in rest}) as cluster:
                    status = _run(rest, targets, Slots(cluster.part.jobs, runtime.workers()), cluster)
            else:
                status = _run(rest, targets, Slots(jobs or 1, runtime.workers(), cards(gpus)))
    keys = [*points[0].values]
    swept = [key for key in keys if len({point.values[key] for point in points}) > 1] or keys
    name = name or "-".join([*words, *swept])
    found = results(points, targets.reports, wanted)
    if found.empty:
        return status
    for path in write(found, swept, FOLDER / name) + ([] if status else report(found, swept, name)):
        print(path)
    return status


def _run(points: Sequence[Point], targets: Targets, slots: Slots, cluster: "Cluster | None" = None) -> int:
    """Run all stages of points that are not finished; the exit status."""
    tasks, before, stages = dict[str, Task](), dict[str, list[str]](), {}
    arguments = parse(targets.names, [])
    print(f"points below {COPIES}: {', '.join(point.label for point in points)}", flush=True)
    options = {"claims": locks.LOCKS.absolute(), "pull": bool(cluster)}
    way = cluster.make if cluster else make
    for point in points:
        needed, addresses = load(point.copy, arguments)
        if cluster and not tasks:
            pull_runs(next(iter(needed)).repo)  # into the cache that all points share
        names = {stage: f"{point.label}: {short(address)}" for stage, address in addresses.items()}
        for stage, upstream in needed.items():
            tasks[names[stage]] = Task(partial(way, stage, upstream, options), log(names[stage]))
            before[names[stage]] = [names[each] for each in upstream if each in names]
            stages[names[stage]] = stage
        saved = f"{point.label}: experiment"
        tasks[saved] = Task(partial(_keep, point), log(saved), reads_locks=True)
        before[saved] = [*names.values()]
    status, failed = run_tasks(tasks, before, Locks(stages), slots, keep_going=True)
    for name in failed:
        print(f"\n{name} failed; {end_of(log(name))}")
    return status


def _keep(point: Point, begins: Callable[[], None], is_interrupted: Callable[[], bool]) -> tuple[str, Entry | None]:
    """As a task."""
    begins()
    try:
        keep(point)
    except UserError as error:
        print(error)
        return "failed", None
    return "ran", None
