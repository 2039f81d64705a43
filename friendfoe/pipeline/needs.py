"""What DVC and the stages need of this machine, asked before anything runs: each in one line, with what mends it."""

import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

from friendfoe import runtime
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.recorded import cache_folder

FREE = 100_000_000  # bytes on each disk that is written to, beside what results take
_THREADS = 12  # DVC's own, a shell, a stage, and those of its libraries


def check() -> None:
    """Refuse to begin what cannot end.

    Raises:
        UserError: there is no Git repository, or no DVC in it; or too few processes are allowed.
    """
    if not Path("dvc.yaml").is_file():
        raise UserError("there is no dvc.yaml here; run this from the root of the project")
    _check_processes(_THREADS + runtime.workers())
    if not Path(".dvc/config").is_file():
        raise UserError("DVC is not set up here: `git checkout -- .dvc` brings its settings back, or `dvc init`")
    if "no_scm = true" not in Path(".dvc/config").read_text() and _git("rev-parse", "--git-dir") is None:
        raise UserError(
            "this folder is not in a Git repository, which DVC needs: `git init && git add -A && git commit -m start`"
        )


def notes() -> Iterator[str]:
    """What experiments need and tables do not."""
    lacking = [name for name in ("user.name", "user.email") if not _git("config", name)]
    if lacking:
        commands = " && ".join(f"git config {name} ..." for name in lacking)
        yield f"Git does not know {' and '.join(lacking)}, which `dvc exp run` needs: {commands}"


def check_disks(results: int = 0) -> None:
    """Refuse to begin, or say why it ended, where a disk is full.

    Args:
        results: bytes of what will be made; DVC's cache takes as much again.

    Raises:
        UserError: it does not hold them, with what is full, and how much is needed.
    """
    needed: dict[int, int] = defaultdict(lambda: FREE)
    folders: dict[int, Path] = {}
    for folder in (Path(), cache_folder() or Path()):
        place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        disk = place.stat().st_dev
        folders.setdefault(disk, place)
        needed[disk] += results
    for disk, folder in folders.items():
        free = shutil.disk_usage(folder).free
        if free < needed[disk]:
            raise UserError(
                f"the disk that holds {folder} is full: {free / 1e6:.0f} MB are free, {needed[disk] / 1e6:.0f} MB are "
                "needed; free some (`dvc gc --workspace` removes results of other params), and run the same again"
            )


def _check_processes(count: int) -> None:
    """Start as many threads at once, which every limit counts as processes (of the user, of a container)."""
    end, started = Event(), []
    try:
        for _ in range(count):
            thread = Thread(target=end.wait)
            thread.start()
            started.append(thread)
    except RuntimeError:
        raise UserError(
            f"only {len(started)} more processes or threads can be started here, {count} are needed: raise the limit "
            "(`ulimit -u`, pids.max of the container), or set FRIENDFOE_WORKERS=1"
        ) from None
    finally:
        end.set()
        for thread in started:
            thread.join()


def _git(*arguments: str) -> str | None:
    try:
        run = subprocess.run(("git", *arguments), capture_output=True, text=True, check=False)
    except OSError:
        raise UserError("Git is not installed, which DVC needs") from None
    return run.stdout.strip() if run.returncode == 0 else None
