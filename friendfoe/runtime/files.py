"""Atomic writes: a file or directory is there whole, or as it was before."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from friendfoe.runtime.errors import UserError

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary sibling (`NAME.partial`) to write; it becomes `path` when the block succeeds.

    When the block fails the sibling is removed and an earlier `path` stays as it was. Parent folders are made.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)  # of a run that was killed
        partial.touch()  # a folder that cannot be written is found before the work
        mode = partial.stat().st_mode
        partial.unlink()
        try:
            yield partial
            _sync(partial, mode)
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync(path.parent)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Give an empty sibling directory (`NAME.partial`) to fill; it replaces `path` as a whole when the block succeeds.

    When the block fails the sibling is removed and an earlier `path` stays as it was. A directory cannot replace
    another in one step, so the earlier one is `NAME.previous` for a moment; a crash in that moment is repaired at the
    next start.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    previous = path.with_name(path.name + ".previous")
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _finish_swap(path, previous)
        if partial.exists():  # of a run that was killed
            shutil.rmtree(partial)
        partial.mkdir()
        mode = partial.stat().st_mode & 0o666
        try:
            yield partial
            for folder, _, names in os.walk(partial):
                for name in names:
                    _sync(Path(folder, name), mode)
                _sync(Path(folder))
            if path.exists():
                path.rename(previous)
            partial.rename(path)
        except BaseException:
            _finish_swap(path, previous)
            shutil.rmtree(partial, ignore_errors=True)
            raise
        _sync(path.parent)
        _finish_swap(path, previous)


def _finish_swap(path: Path, previous: Path) -> None:
    """Remove the earlier directory when the new one is in place, and put it back when it is not."""
    if previous.exists():
        if path.exists():
            shutil.rmtree(previous)
        else:
            previous.rename(path)


def _sync(path: Path, mode: int | None = None) -> None:
    """Wait until the disk holds a file, or the names in a directory; first give a file the `mode` of new files.

    safetensors makes files that nobody else may read, whatever the umask says.
    """
    if mode is not None:
        path.chmod(mode)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the system says about writing `path` into one line for the user; other errors pass."""
    try:
        yield
    except Exception as error:
        number = _system_error(error)
        if number in _NO_SPACE:
            raise UserError(f"no space left while writing {path}: free some and run the command again") from error
        if number in _NOT_WRITABLE and _is_about(error, path):
            reason = os.strerror(number)
            raise UserError(
                f"cannot write {path}: {reason.lower()}; make {path.parent} a folder that you can write, and run the "
                "command again"
            ) from error
        raise


def _system_error(error: Exception) -> int | None:
    """The errno behind `error`; safetensors gives it only in the text, as "(os error 28)"."""
    if isinstance(error, OSError):
        return error.errno
    if type(error).__name__ == "SafetensorError" and (found := re.search(r"\(os error (\d+)\)", str(error))):
        return int(found[1])
    return None


def _is_about(error: Exception, path: Path) -> bool:
    """Whether `error` speaks of `path`, and not of a file that the block reads elsewhere."""
    named = getattr(error, "filename", None)
    if named is None:
        return True
    named, folder = Path(named).absolute(), path.parent.absolute()
    return folder.is_relative_to(named) or named.is_relative_to(folder)
