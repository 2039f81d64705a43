"""Raw files: found under the data root, unpacked from an archive there, or downloaded."""

import gzip
import hashlib
import shutil
import sys
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.request import Request, urlopen

from friendfoe.errors import UserError
from friendfoe.files import atomic_path

_BLOCK = 1 << 18  # bytes
_TIMEOUT = 30  # seconds without an answer


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


def provide(name: str, downloads: Iterable[Download], data_root: Path) -> None:
    """See that the raw files of data set `name` are there: unpack or download what is missing.

    Raises:
        UserError: a file is missing and cannot be downloaded; a download is damaged; the data root cannot be written.
    """
    for download in downloads:
        wanted = download.holds or (download.path,)
        missing = [path for path in wanted if not path.is_file()]
        if not missing:
            continue
        if not download.path.is_file():
            _fetch(name, download, missing, data_root)
        if download.holds:
            _unpack(download, missing)


def check_md5(path: Path, md5: str) -> None:
    """Check that a raw file is the published one.

    Raises:
        UserError: it is another, or damaged.
    """
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() != md5:
        raise UserError(
            f"{path} is damaged or not the published file (md5 {digest.hexdigest()}, not {md5}); delete it and run the "
            "command again to have it downloaded"
        )


def _fetch(name: str, download: Download, missing: list[Path], data_root: Path) -> None:
    reason = ""
    for url in download.urls:
        try:
            with urlopen(Request(url, headers={"User-Agent": "friendfoe"}), timeout=_TIMEOUT) as response:
                _save(response, download)
            return
        except OSError as error:  # URLError, a refused connection, a timeout
            reason = str(getattr(error, "reason", error))
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise UserError(
        f"no raw data for {name}: there is no {missing[0]}{others}, and the download failed ({reason}); put the files "
        f"under {data_root}, or set FRIENDFOE_DATA to the folder that holds them"
    )


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
        check_md5(partial, download.md5)


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
                _copy(packed, path)
    except (EOFError, KeyError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise UserError(
            f"{download.path} is damaged ({error}); delete it and run the command again to have it downloaded"
        ) from error


def _copy(source: IO[bytes], path: Path) -> None:
    with atomic_path(path) as partial, partial.open("wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)
