"""One stage, by DVC, in a process that has loaded DVC and the graph already: 0.1 s where `dvc repro` takes 2 s.

Several such processes work on one project: DVC's lock is held by one of them at a time, and by none while commands run,
so that what they leave is what one `dvc repro` leaves.
"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from dvc.repo import Repo, lock_repo
from dvc.stage import Stage

from friendfoe.runtime import outputs

Outcome = Literal["ran", "restored", "unchanged"]
TURNS = "friendfoe-turns.lock"  # beside DVC's own lock, which does not let others wait their turn


class Interrupted(BaseException):
    """The stage was not begun, for a signal has asked to end."""


def reproduce(
    stage: Stage,
    upstream: Sequence[Stage],
    begins: Callable[[], None],
    is_interrupted: Callable[[], bool],
    **options: Any,
) -> Outcome:
    """Bring a stage up to date, and write down in its dvc.lock what has become of it.

    Args:
        stage: of the graph as it is; changed in place, as its `repo` is.
        upstream: the stages whose outputs it reads.
        begins: called when its command is going to run.
        is_interrupted: whether it shall not be run any more.
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

    with (Path(repo.tmp_dir) / TURNS).open("w") as turns:
        repo.lock = _Turns(repo.lock, turns, command)
        with lock_repo(repo), repo.scm_context(quiet=True), repo.lock.of_a_stage():
            changed = stage.reproduce(upstream=list(upstream), **options)
            if changed:
                stage.dump(update_pipeline=False)
    if not changed:
        return "unchanged"
    outputs.taken(Path(out.fs_path).relative_to(repo.root_dir) for out in stage.outs if out.use_cache)
    return "ran" if ran else "restored"


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
