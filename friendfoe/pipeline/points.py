"""Points of a sweep: params with other values, each in a copy of the project until it is one of DVC's experiments.

A copy is a clone of the last commit, with the edits that stand in the project, below .dvc/tmp as those of DVC are: raw
data and unfinished training are found from there, and the cache is the project's own.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dvc.config import Config
from dvc.exceptions import DvcException
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from friendfoe.pipeline.side_by_side import in_one_line
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.recorded import cache_folder

COPIES = Path(".dvc/tmp/exps/sweep")
_MAKES = ("friendfoe", "stages", "dvc.yaml", "params.yaml", "pipelines")
"""What results depend on; the locks among these say what they were."""


@dataclass(frozen=True)
class State:
    """The project that a sweep is of: its last commit, and the edits since, as a commit that no branch knows."""

    head: str
    edits: str

    def digest(self) -> str:
        """Of all that results depend on."""
        listed = _git("ls-tree", "-r", self.edits or self.head, "--", *_MAKES).splitlines()
        return "\n".join(line for line in listed if not line.endswith("dvc.lock"))


@dataclass(frozen=True)
class Point:
    """One combination of values.

    Attributes:
        files: changes ("KEY=VALUE") by the file of params.
        name: of the experiment.
    """

    files: dict[str, list[str]]
    name: str

    @property
    def values(self) -> dict[str, str]:
        """The values by the last word of their keys."""
        changes = (change.partition("=") for changes in self.files.values() for change in changes)
        return {key.rpartition(".")[2].lstrip("+"): value for key, _, value in changes}

    @property
    def label(self) -> str:
        """As it is shown, and as folders can be called."""
        return re.sub(r"[^\w.=,+-]+", "_", ",".join(f"{key}={value}" for key, value in self.values.items()))

    @property
    def copy(self) -> Path:
        """Where it is made."""
        return COPIES / self.name

    def ref(self) -> str:
        """Its experiment, as Git knows it; "" where it is not finished."""
        refs = _git("for-each-ref", "--format=%(refname)", "refs/exps").splitlines()
        return next((ref for ref in refs if ref.rpartition("/")[2] == self.name), "")

    def read(self, path: Path) -> bytes | None:
        """A file of its results; None where there is none."""
        shown = subprocess.run(("git", "show", f"{self.ref()}:./{path}"), capture_output=True, check=False)
        return shown.stdout if shown.returncode == 0 else None


def state() -> State:
    """The project as it is.

    Raises:
        UserError: it has files that Git does not know, which no copy would have; or Git does not know its user.
    """
    unknown = [
        path
        for path in _git("ls-files", "--others", "--exclude-standard", "--", *_MAKES).splitlines()
        if not path.endswith("dvc.lock")
    ]
    if unknown:
        raise UserError(f"{unknown[0]} is not known to Git, and the points would lack it: `git add {unknown[0]}`")
    if not (_git("config", "user.name", fails=True) and _git("config", "user.email", fails=True)):
        raise UserError(
            "Git does not know who you are, and experiments are commits: `git config user.name ... && git config "
            "user.email ...`"
        )
    return State(_git("rev-parse", "HEAD"), _edits())


def grid(settings: Sequence[str], of: State, *targets: str) -> list[Point]:
    """Every combination of values.

    Args:
        settings: "KEY=V1,V2,..." of params.yaml, or "FILE:KEY=V1,V2,...", as `dvc exp run -S` takes them.
        of: the project.
        targets: what is made at every point.

    Raises:
        UserError: a setting is not of this form.
    """
    for setting in settings:
        if not re.fullmatch(r"[^=]+=.+", setting):
            raise UserError(f"--set {setting}: must be KEY=VALUE,VALUE,...")
    try:
        changes = list(get_hydra_sweeps(to_path_overrides(settings)))
    except Exception as error:  # DVC's, and of the grammar that it uses
        raise UserError(f"--set {' '.join(settings)}: {in_one_line(error)}") from None
    made_from = of.digest()
    points = []
    for files in changes:
        files = {path: list(each) for path, each in files.items()}
        content = repr((made_from, sorted(files.items()), targets))
        points.append(Point(files, f"sweep-{hashlib.sha256(content.encode()).hexdigest()[:10]}"))
    return points


def prepare(point: Point, of: State) -> None:
    """Make the copy of a point, where an earlier call has not.

    Raises:
        UserError: there is no such key.
    """
    if point.copy.exists():
        return
    partial = point.copy.with_name(f"{point.copy.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    _git("clone", "--quiet", "--shared", "--no-checkout", ".", str(partial))
    _git("-C", str(partial), "checkout", "--quiet", "--detach", of.head)
    if of.edits:
        _git("-C", str(partial), "restore", f"--source={of.edits}", "--staged", "--worktree", ".")
        _git("-C", str(partial), "reset", "--quiet")
    for key in ("user.name", "user.email"):
        _git("-C", str(partial), "config", key, _git("config", key))
    with suppress(FileNotFoundError):
        shutil.copy(".dvc/config.local", partial / ".dvc")  # remotes
    with Config(str(partial / ".dvc")).edit("local") as config:
        config.setdefault("cache", {})["dir"] = str((cache_folder() or Path(".dvc/cache")).absolute())
    for path, changes in point.files.items():
        if not (partial / path).is_file():
            raise UserError(f"--set {', '.join(changes)} in {path}: there is no such file")
        try:
            apply_overrides(partial / path, changes)
        except DvcException as error:
            raise UserError(f"--set {', '.join(changes)} in {path}: {in_one_line(error)}") from None
    partial.rename(point.copy)


def as_edited(point: Point, of: State) -> State:
    """The copy of a point as a project of its own, with its params, and with what has been made in it so far."""
    _git("-C", str(point.copy), "add", "--all")
    return State(of.head, _edits("-C", str(point.copy)))


def _edits(*where: str) -> str:
    """Files as they are, as a commit; "" where they are as in the last one."""
    _git(*where, "update-index", "-q", "--refresh", fails=True)  # `git stash` takes files that were touched for changed
    return _git(*where, "stash", "create")


def keep(point: Point) -> None:
    """Make an experiment of a point that is done: a commit on top of the last one, under the name that DVC looks for.

    `dvc exp save` does the same, ten times as slowly: it first takes all that has changed away, and back again.

    Raises:
        UserError: Git cannot.
    """
    _git("-C", str(point.copy), "add", "--all")
    commit = ("-c", "commit.gpgsign=false", "commit", "--quiet", "--no-verify", "--allow-empty")
    _git("-C", str(point.copy), *commit, "--message", f"sweep: {point.label}")
    head = _git("-C", str(point.copy), "rev-parse", "HEAD~")
    ref = f"refs/exps/{head[:2]}/{head[2:]}/{point.name}"
    _git("fetch", "--quiet", "--no-tags", str(point.copy), f"+HEAD:{ref}")
    remove(point)


def remove(point: Point) -> None:
    """Remove the copy of a point."""
    with suppress(FileNotFoundError):
        gone = point.copy.with_name(f"{point.copy.name}.partial")
        shutil.rmtree(gone, ignore_errors=True)
        point.copy.rename(gone)  # whole, or not there
        shutil.rmtree(gone)


def _git(*words: str, fails: bool = False) -> str:
    done = subprocess.run(("git", *words), capture_output=True, text=True, check=False, env=_environment())
    if done.returncode and not fails:
        raise UserError(f"git {words[0]}: {' '.join(done.stderr.split())}")
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    """Without what a hook or a rebase has set, which would lead all Git commands to one repository."""
    return {
        name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    }
