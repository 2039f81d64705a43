"""Folders with the CRC-32 of each of their files in `checksums.json`, which is compared when the file is read."""

import json
import zlib
from pathlib import Path

NAME = "checksums.json"


def seal(folder: Path) -> None:
    """Write down the checksums of all files of a folder, which are not to change from now on."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    checksums = {path.relative_to(folder).as_posix(): zlib.crc32(path.read_bytes()) for path in files}
    (folder / NAME).write_text(json.dumps(checksums, indent=0) + "\n")


def check(path: Path) -> None:
    """Compare a file with what was written down of it, if its folder was sealed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or was not there when the folder was sealed.
    """
    content, sealed = path.read_bytes(), path.parent / NAME
    if sealed.exists() and json.loads(sealed.read_text()).get(path.name) != zlib.crc32(content):
        raise ValueError(f"its checksum is not that of its content, which stands in {NAME}")
