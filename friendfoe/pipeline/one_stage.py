"""One stage, by DVC, in a process that has loaded DVC and the graph already: 0.1 s where `dvc repro` takes 2 s.

Several such processes work on one project: DVC's lock is held by one of them at a time, and by none while commands run,
so that what they leave is what one `dvc repro` leaves. What belongs into dvc.lock is written by the process that has
started them, of several stages at once: DVC reads and writes the whole file, which takes longer than all else it does.
"""

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from dvc.repo import Repo, lock_repo
from dvc.stage import PipelineStage, Stage
from dvc.stage.loader import StageLoader
from dvc.stage.serialize import to_lockfile

from friendfoe.runtime import locks, outputs

Outcome = Literal["ran", "restored", "unchanged", "busy"]
Entry = dict[str, Any]
TURNS = "friendfoe-turns.lock"  # beside DVC's own lock, which does not let others wait their turn

_claimed: list[IO[str]] = []  # what this process has claimed: open files, so that it holds them


class Interrupted(BaseException):
    """The stage was not begun, for a signal has asked to end."""


def reproduce(
    stage: Stage,
    upstream: Sequence[Stage],
    begins: Callable[[], None],
    is_interrupted: Callable[[], bool],
    claims: Path | None = None,
    **options: Any,
) -> tuple[Outcome, Entry | None]:
    """Bring a stage up to date; what has become of it, and what its dvc.lock is to say of it where it has changed.

    Args:
        stage: of the graph as it is; changed in place, as its `repo` is.
        upstream: the stages whose outputs it reads.
        begins: called when its command is going to run.
        is_interrupted: whether it shall not be run any more.
        claims: a folder that several projects with one cache share; where another one of them is doing the very same,
            nothing is done, and the outcome is "busy". What is claimed is so until this process ends.
        options: of `dvc.stage.Stage.reproduce`.

    Raises:
        Interrupted: it has not been run; its outputs are as they were.
        DvcException: its command failed, or DVC cannot do what it is to.
    """
    repo: Repo = stage.repo
    ran = False

    def command() -> None:
        nonlocal ran
        if is_interrupted():
            outputs.put_back(str(stage.cmd).split()[1:])
            raise Interrupted
        ran = True
        begins()

    with _turns(repo, command) as lock, lock_repo(repo), repo.scm_context(quiet=True), lock.of_a_stage():
        if claims and (key := _key(stage)):
            if not (claim := locks.take(key, claims)):
                return "busy", None
            _claimed.append(claim)
        changed: Stage | None = stage
        if options.get("pull") and any(not out.use_cache and not out.exists for out in stage.outs):
            stage.run(**options)  # DVC would take it for pulled, though `dvc push` leaves these out
        else:
            changed = stage.reproduce(upstream=list(upstream), **options)
        if changed and not isinstance(stage, PipelineStage):
            stage.dump()
    if not changed:
        return "unchanged", None
    outputs.taken(Path(out.fs_path).relative_to(repo.root_dir) for out in stage.outs if out.use_cache)
    entry = to_lockfile(stage)[stage.name] if isinstance(stage, PipelineStage) else None
    return "ran" if ran else "restored", entry


def _key(stage: Stage) -> str | None:
    """What the run-cache will know a stage by; None where it is not to be run, or the run-cache will not know it."""
    if not stage.changed() or any(not (out.use_cache or out.is_metric or out.is_plot) for out in stage.outs):
        return None
    # not `save_deps`, after which DVC would take the outputs of other dependencies for those of these
    hashes = [(dep.def_path, dep.get_hash()) for dep in stage.deps]
    if not all(found for _, found in hashes):
        return None
    content = json.dumps([stage.cmd, sorted((path, str(found.value)) for path, found in hashes)])
    return f"run-{hashlib.sha256(content.encode()).hexdigest()}"


class Locks:
    """The dvc.lock files of stages that other processes make.

    Args:
        stages: by name.
    """

    def __init__(self, stages: Mapping[str, Stage]) -> None:
        self._stages, self._unwritten = stages, list[Stage]()

    def learn(self, name: str, entry: Entry) -> None:
        """What a dvc.lock is to say of a stage."""
        stage = self._stages[name]
        StageLoader.fill_from_lock(stage, entry)
        self._unwritten.append(stage)

    def write(self) -> None:
        """Write down what has been learned."""
        stages, self._unwritten = self._unwritten, []
        files: dict[str, list[Stage]] = {}
        for stage in stages:
            files.setdefault(stage.path, []).append(stage)
        for together in files.values():
            repo: Repo = together[0].repo
            with turn(repo):
                together[0].dvcfile.dump_stages(together, update_pipeline=False)


@contextmanager
def turn(repo: Repo) -> Iterator[None]:
    """Hold DVC's lock of a project in the block, when it is this process's turn."""
    with _turns(repo, lambda: None) as lock, lock:
        yield


@contextmanager
def _turns(repo: Repo, command: Callable[[], None]) -> Iterator["_Turns"]:
    lock = repo.lock
    with (Path(repo.tmp_dir) / TURNS).open("w") as turns:
        repo.lock = _Turns(lock, turns, command)
        try:
            yield repo.lock
        finally:
            repo.lock = lock


class _Turns:
    """DVC's lock, for which processes of one run wait without looking every half a second whether it is free."""

    def __init__(self, lock: Any, turns: IO[str], command: Callable[[], None]) -> None:
        self._lock, self._turns, self._command = lock, turns, command
        self._nested = False

    @contextmanager
    def of_a_stage(self) -> Iterator[None]:
        """While a stage is made, DVC releases its lock for nothing but the command."""
        self._nested = True
        try:
            yield
        finally:
            self._nested = False

    def lock(self) -> None:
        fcntl.flock(self._turns, fcntl.LOCK_EX)
        self._lock.lock()

    def unlock(self) -> None:
        if self._nested:
            self._command()
        self._lock.unlock()
        fcntl.flock(self._turns, fcntl.LOCK_UN)

    @property
    def is_locked(self) -> bool:
        return bool(self._lock.is_locked)

    def __enter__(self) -> None:
        self.lock()

    def __exit__(self, *error: object) -> None:
        self.unlock()
