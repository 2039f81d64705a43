"""The outputs of a stage: made by one process at a time, and as they were where the stage does not finish.

DVC deletes the outputs of a stage before it runs. What dvc.lock records of them is put back from what was kept at the
end of the last good run, from DVC's cache, or from Git, whichever has the same hash: never another run's.

    python -m friendfoe.runtime.outputs STATUS -m stages.train digits fgsm maxout     put back, and exit with STATUS
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from friendfoe.runtime import locks, paths, recorded, warm
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory, atomic_path
from friendfoe.runtime.recorded import Output

KEPT = Path(".friendfoe/outputs")
_UNCACHED = (paths.PLAN, paths.REPORTS)  # the others stand in DVC's cache once it has taken them
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 2.0  # seconds: the workers of a run that was killed end a moment after it

_made: set[Path] = set()


@contextmanager
def outputs(*paths: Path) -> Iterator[None]:
    """Make `paths` (files or directories) in the block, which no other process does meanwhile.

    When the block fails, files are again what they were at its begin; directories are to be written by
    `atomic_directory`.

    Raises:
        UserError: another process is making one of them, or it lies outside of the project.
    """
    for path in paths:
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{path}: outputs lie inside the project; name what is planned (`friendfoe plan`)")
    with ExitStack() as held:
        for path in paths:
            held.enter_context(_held(path))
        earlier = {path: path.read_bytes() for path in paths if path.is_file()}  # tables, curves: they are small
        try:
            yield
        except BaseException:
            for path, content in earlier.items():
                with atomic_path(path) as partial:
                    partial.write_bytes(content)
            raise
        _made.update(paths)


@contextmanager
def stage() -> Iterator[None]:
    """Run a stage in the block: keep its outputs, or put the earlier ones back where it fails.

    Those that DVC caches are kept until the next stage ends, or what runs stages side by side says that DVC has taken
    them: on a full disk, DVC loses them on their way to its cache.
    """
    _made.clear()
    try:
        yield
    except BaseException:
        put_back(["-m", f"stages.{Path(sys.argv[0]).stem}", *sys.argv[1:]])
        raise
    if warm.RUN not in os.environ:  # stages run one after another
        taken(path.relative_to(KEPT) for path in KEPT.glob("*"))
    for path in _made:
        with suppress(OSError):  # a full disk, of which DVC will speak
            _replace(path, KEPT / path)


def taken(places: Iterable[Path]) -> None:
    """Outputs that DVC caches are kept no longer: it has those at these places."""
    for place in places:
        if place.parts[0] not in map(str, _UNCACHED):
            _remove(KEPT / place)


def put_back(arguments: list[str]) -> None:
    """Put back what dvc.lock records of the stage whose command is `python ARGUMENTS`; signals are ignored meanwhile.

    Whatever is missing and, where DVC has run the stage, whatever is half of the new outputs.
    """
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        command = " ".join(["python", *arguments])
        for output in recorded.outputs(command):
            if output.command != command or (output.path.exists() and not _is_half(output)):
                continue
            with suppress(OSError, UserError), _held(output.path):  # of the others, as many as there is room for
                _from_kept(output) or _from_cache(output) or _from_git(output)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def put_back_kept() -> list[Path]:
    """Put back what was kept of the last stage that was good and is not in its place; the folders that it is in."""
    places = [path.relative_to(KEPT) for path in KEPT.rglob("*") if path.is_file()]
    gone = [place for place in places if not place.exists()]
    for place in gone:
        _replace(KEPT / place, place)
    return [*dict.fromkeys(place.parent for place in gone)]


def _is_half(output: Output) -> bool:
    """Whether it is what this run has made so far: DVC deletes what was there before."""
    return "DVC_STAGE" in os.environ and recorded.path_md5(output.path) != output.md5


def _from_cache(output: Output) -> bool:
    files = {path: recorded.cached(md5) for path, md5 in (output.files() or {}).items()}
    if not files or not all(files.values()):
        return False
    if output.is_directory:
        with atomic_directory(output.path) as partial:
            for path, kept in files.items():
                target = partial / path.relative_to(output.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(kept), target)
    else:
        with atomic_path(output.path) as partial:
            shutil.copyfile(str(files[output.path]), partial)
    return True


def _from_kept(output: Output) -> bool:
    if recorded.path_md5(KEPT / output.path) != output.md5:
        return False
    _replace(KEPT / output.path, output.path)
    return True


def _from_git(output: Output) -> bool:
    """As it is committed (or staged): reports are, in a fresh clone."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        listed = subprocess.run(("git", "ls-files", "-z", "--", output.path), capture_output=True, check=False)
        write = ("git", "checkout-index", "-z", "--stdin", f"--prefix={Path(folder).name}/")
        subprocess.run(write, input=listed.stdout, capture_output=True, check=False)
        if recorded.path_md5(folder / output.path) != output.md5:
            return False
        _replace(folder / output.path, output.path)
        return True


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold the lock of `path`."""
    name, deadline = "+".join(path.parts), time.monotonic() + _PATIENCE
    while not (lock := locks.take(name)):
        if time.monotonic() > deadline:
            raise UserError(f"{path} is being made by {locks.holder(name)}; wait for its end, or stop it")
        time.sleep(0.05)
    try:
        yield
    finally:
        locks.release(lock)


def _replace(source: Path, target: Path) -> None:
    """Make `target` a linked copy of `source`."""
    _remove(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link)
    else:
        _link(source, target)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    put_back(sys.argv[2:])
    sys.exit(int(sys.argv[1]))
