"""On a node of a cluster: a clone of the project, kept between stages and between runs, and a process for each stage.

Ray brings this module to its workers as it is: it imports nothing of friendfoe, which the nodes have in their clones.
"""

import fcntl
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_PATIENCE = 30.0  # seconds for a stage to end after it was asked to
_KEPT = 7 * 24 * 3600.0  # seconds without use, of clones of points of a sweep


@dataclass(frozen=True)
class Project:
    """What a clone is made of.

    Attributes:
        name: of its folder.
        head: the commit that it is on.
        edits: a commit with the files as they are; "" where nothing was edited.
        remotes: DVC's settings of them.
    """

    name: str
    head: str
    edits: str
    remotes: str

    @property
    def revision(self) -> str:
        """What differs where files do."""
        return f"{self.head} {self.edits}"


def run(project: Project, repository: bytes, request: dict[str, Any], workers: int) -> dict[str, Any]:
    """Run a stage in the clone of this node.

    Args:
        project: to be cloned.
        repository: of `pack`, with its commits.
        request: of `friendfoe.pipeline.on_node`.
        workers: cores for it.

    Returns:
        What `on_node` answers, with what it has printed as "log", and the name of the node as "node".
    """
    base = os.environ.get("FRIENDFOE_NODE") or "~/.cache/friendfoe"
    folder = Path(base).expanduser() / project.name
    answer: dict[str, Any] = {"outcome": "failed"}
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_name(f"{folder.name}.lock").open("w") as lock:
            _clone(project, repository, folder, lock)
            answer |= _in_clone(folder, request, workers)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        answer["log"] = f"{folder}: {said}"
    return {**answer, "node": socket.gethostname()}


def _clone(project: Project, repository: bytes, folder: Path, lock: IO[str]) -> None:
    """Have the clone hold this revision while the lock is held, which stages of one revision share."""
    made = folder / ".friendfoe/revision"
    while True:
        fcntl.flock(lock, fcntl.LOCK_SH)
        if made.is_file() and made.read_text() == project.revision:
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # stages of another revision run, or a neighbour makes the clone
            fcntl.flock(lock, fcntl.LOCK_UN)
            time.sleep(random.uniform(0.1, 0.5))
            continue
        made.unlink(missing_ok=True)
        _remove_points(folder.parent)
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as bare:
            with tarfile.open(fileobj=io.BytesIO(repository)) as archive:
                archive.extractall(bare)
            _git(folder, "init", "--quiet")
            commits = [commit for commit in (project.head, project.edits) if commit]
            _git(
                folder,
                "fetch",
                "--quiet",
                "--depth=1",
                f"file://{bare}",
                *(f"refs/friendfoe/{each}" for each in commits),
            )
        _git(folder, "checkout", "--quiet", "--force", "--detach", project.head)
        _git(folder, "clean", "--quiet", "--force", "-d")  # what is ignored stays: results, unfinished trainings
        if project.edits:
            _git(folder, "restore", f"--source={project.edits}", "--staged", "--worktree", ".")
            _git(folder, "reset", "--quiet")
        (folder / ".dvc/config.local").write_text(project.remotes)
        made.parent.mkdir(exist_ok=True)
        made.write_text(project.revision)


def _remove_points(base: Path) -> None:
    """Remove clones of points of a sweep that nobody has used for long."""
    for path in base.glob("sweep-*.lock"):
        folder = path.with_suffix("")
        if not folder.exists() or time.time() - path.stat().st_mtime < _KEPT:
            continue
        with path.open("r+") as lock, suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _in_clone(folder: Path, request: dict[str, Any], workers: int) -> dict[str, Any]:
    """Run `on_node`, which ends with this process, and with what it has started."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    settings = {"PATH": path, "FRIENDFOE_WORKERS": str(workers)}
    environment = {**os.environ, **settings, "FRIENDFOE_RUN": str(os.getpid())}  # stages share a start
    command = [sys.executable, "-m", "friendfoe.pipeline.on_node"]
    with tempfile.TemporaryFile() as log, tempfile.NamedTemporaryFile() as answer:
        process = subprocess.Popen(
            [*command, answer.name], cwd=folder, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdin
        with process.stdin as stdin:  # its end, however this process ends, is the end of the stage
            try:
                stdin.write(json.dumps(request).encode() + b"\n")
                stdin.flush()
                while process.poll() is None:  # Ray's way to cancel does not interrupt what waits
                    time.sleep(0.1)
            except KeyboardInterrupt:
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(process.pid, signal.SIGINT)
                    process.wait(_PATIENCE)
                if not Path(answer.name).stat().st_size:  # else it was done
                    raise
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        log.seek(0)
        text, said = log.read().decode(errors="replace"), answer.read()
    found: dict[str, Any] = json.loads(said) if said else {"outcome": "failed"}
    return {**found, "log": text}


def pack(commits: Mapping[str, str]) -> bytes:
    """A bare repository, as a tar archive, with commits, by the folder that each is in, and nothing before them."""
    with tempfile.TemporaryDirectory() as bare:
        _git(Path(bare), "init", "--quiet", "--bare")
        any_commit = "git -c uploadpack.allowAnySHA1InWant=true upload-pack"
        for commit, folder in commits.items():
            into = f"{commit}:refs/friendfoe/{commit}"
            _git(Path(bare), "fetch", "--quiet", "--depth=1", f"--upload-pack={any_commit}", f"file://{folder}", into)
        for unneeded in ("hooks", "logs"):
            shutil.rmtree(Path(bare, unneeded), ignore_errors=True)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(bare, arcname=".")
    return packed.getvalue()


def _git(folder: Path, *words: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(("git", *words), cwd=folder, env=environment, check=True, capture_output=True, text=True)
