"""Keep the last good outputs of a stage: DVC deletes them before it runs, and a failed stage makes no new ones."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEPT = Path(".friendfoe/outputs")


@contextmanager
def outputs(*paths: Path) -> Iterator[None]:
    """Put the earlier `paths` (files or directories) back when the block fails or is interrupted.

    DVC's `persist: true` would do the same at the price of the run-cache, which spares a sweep from training the same
    model twice. What is kept are hard links, so that it costs no space.
    """
    try:
        yield
    except BaseException:
        for path in paths:
            if (KEPT / path).exists():
                _replace(KEPT / path, path)
        raise
    for path in paths:
        _replace(path, KEPT / path)


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
