"""Raw files: found under the data root, unpacked from an archive there, or downloaded."""

import gzip
import hashlib
import shutil
import sys
import tarfile
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, cast
from urllib.request import Request, urlopen

from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_path

_BLOCK = 1 << 18  # bytes
_TIMEOUT = 15  # seconds without an answer


@dataclass(frozen=True)
class Download:
    """A file of a public data set and what is in it.

    Attributes:
        urls: mirrors, tried in order.
        path: where it is kept.
        md5: of the file.
        holds: the raw files that are unpacked from it (.gz: one; .tar.gz: those of the same name); empty when the
            downloaded file is itself the raw file.
    """

    urls: tuple[str, ...]
    path: Path
    md5: str
    holds: tuple[Path, ...] = ()


def provide(name: str, downloads: list[Download], data_root: Path) -> None:
    """See that the raw files of data set `name` are there: unpack or download what is missing.

    Raises:
        UserError: files are missing and cannot be downloaded; an archive is damaged; the data root cannot be written.
    """
    for download in downloads:
        missing = [path for path in download.holds or (download.path,) if not path.is_file()]
        if missing and not download.path.is_file():
            try:
                _fetch(download)
            except _FailedError as error:
                raise UserError(
                    f"no raw data for {name}: there is no {_listed(missing)}, and the download failed ({error}); put "
                    f"the files under {data_root}, or set FRIENDFOE_DATA to the folder that holds them"
                ) from error
        if missing and download.holds:
            _unpack(download, missing)


def check_published(path: Path, expected: str) -> None:
    """Check that a raw file is the published one by its md5.

    Raises:
        UserError: it is another, or damaged.
    """
    if (digest := md5(path)) != expected:
        raise damaged(path, f"its md5 is {digest}, that of the published file {expected}")


def md5(path: Path) -> str:
    """Give the md5 of a file, in hexadecimal; no protection, but what data sets are published with."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def damaged(path: Path, reason: object) -> UserError:
    """Make the error for a raw file that is not what it should be."""
    return UserError(f"{path} is damaged: {reason}; delete it and run the command again to have it downloaded")


class _FailedError(Exception):
    """Why no mirror gave a file."""


def _listed(files: list[Path]) -> str:
    names = ", ".join(path.name for path in files[1:])
    return f"{files[0]} (nor {names})" if names else str(files[0])


def _fetch(download: Download) -> None:
    for url in download.urls:
        try:
            with urlopen(Request(url, headers={"User-Agent": "friendfoe"}), timeout=_TIMEOUT) as response:
                _save(response, download)
            return
        except (OSError, HTTPException) as error:  # no network, no such file, a broken connection, a timeout
            reason = str(getattr(error, "reason", error))
    raise _FailedError(reason)


def _save(response: IO[bytes], download: Download) -> None:
    """Write a download with a progress bar; it is there under its name only when it is whole."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    quiet = not sys.stderr.isatty()
    total = getattr(response, "length", None)
    with (
        atomic_path(download.path) as partial,
        Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar,
    ):
        task = bar.add_task(download.path.name, total=total)
        with partial.open("wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                bar.advance(task, len(block))
        if md5(partial) != download.md5:
            raise OSError("what came is not the published file")


def _unpack(download: Download, missing: list[Path]) -> None:
    """Unpack the missing files, each under its name only when it is whole."""
    try:
        if download.path.name.endswith(".tar.gz"):
            with tarfile.open(download.path) as archive:
                for path in missing:
                    member = archive.extractfile(f"{path.parent.name}/{path.name}")
                    assert member is not None
                    _copy(member, path)
        else:
            (path,) = missing
            with gzip.open(download.path) as packed:
                _copy(cast(IO[bytes], packed), path)
    except (EOFError, KeyError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise damaged(download.path, error) from error


def _copy(source: IO[bytes], path: Path) -> None:
    with atomic_path(path) as partial, partial.open("wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)
