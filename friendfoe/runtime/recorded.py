"""What the dvc.lock files record of outputs: the stage that makes each, its hash, and its objects in DVC's cache."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.yaml import parse


@dataclass(frozen=True)
class Output:
    """An output of a stage, as it was when the stage last ran."""

    stage: str  # as `dvc repro` takes it
    command: str  # of the stage
    path: Path
    md5: str  # of a directory: that of a list of its files, ".dir" at its end

    @property
    def is_directory(self) -> bool:
        """Whether it is one."""
        return self.md5.endswith(".dir")

    def files(self) -> dict[Path, str] | None:
        """The MD5 of every file of it; None for a directory that DVC's cache does not know."""
        if not self.is_directory:
            return {self.path: self.md5}
        listing = cached(self.md5)
        if listing is None:
            return None
        return {self.path / entry["relpath"]: entry["md5"] for entry in json.loads(listing.read_bytes())}


def outputs(about: str = "") -> Iterator[Output]:
    """The outputs that are recorded in files that hold the text `about`, those of the root of the project first."""
    for lock in (Path("dvc.lock"), *sorted(paths.PIPELINES.glob("*/dvc.lock"))):
        try:
            if not lock.exists() or about not in lock.read_text(errors="replace"):
                continue
            stages = parse(lock)["stages"]
        except (UserError, TypeError, KeyError):  # damaged
            continue
        prefix = "" if lock == Path("dvc.lock") else f"{lock.with_suffix('.yaml')}:"
        for name, stage in stages.items():
            for out in stage.get("outs", []):
                if "md5" in out:
                    yield Output(prefix + name, stage["cmd"], Path(out["path"]), out["md5"])


def cached(md5: str) -> Path | None:
    """The object of DVC's cache that holds what has this MD5; None where there is none, or it is damaged."""
    path = cache_path(md5)
    return path if path and path.is_file() and file_md5(path) == md5.removesuffix(".dir") else None


def cache_path(md5: str) -> Path | None:
    """Where the cache keeps what has this MD5; None where DVC does not say where its cache is."""
    folder = cache_folder()
    return folder / "files" / "md5" / md5[:2] / md5[2:] if folder else None


def path_md5(path: Path) -> str | None:
    """The MD5 of a file or a directory as DVC records it; None where there is nothing."""
    if path.is_file():
        return file_md5(path)
    if not path.is_dir():
        return None
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    listing = [{"md5": file_md5(files[name]), "relpath": name} for name in sorted(files)]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode()).hexdigest() + ".dir"


def file_md5(path: Path) -> str:
    """The MD5 of a file."""
    digest = hashlib.md5()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def remedy(path: Path, *, ours: bool = True) -> str | None:
    """How to come by a damaged file again; None where no stage is known to make it. What is not `ours` is moved away.

    DVC restores what its cache holds without looking at it, and does not write an object again that is there: a
    damaged one has to be removed.
    """
    place = path.absolute()
    if not place.is_relative_to(Path.cwd()):
        return None
    for output in outputs():
        if output.path.absolute() in (place, *place.parents):
            break
    else:
        return None
    md5 = next((md5 for file, md5 in (output.files() or {}).items() if file.absolute() == place), output.md5)
    away = f"rm -f {path}" if ours else f"mv {path} {path.name}.other"
    if cached(md5):
        return f"`{away} && dvc checkout --force {output.stage}` takes it from DVC's cache"
    kept = cache_path(md5)
    if kept and kept.exists():
        return f"`{away} && rm -f {kept} && dvc repro {output.stage}` makes it again (DVC's cache is damaged, too)"
    return f"`{away} && dvc repro {output.stage}` makes it again"


@cache
def cache_folder() -> Path | None:
    """Where DVC keeps results; None where it does not say."""
    command = (sys.executable, "-m", "dvc", "cache", "dir")
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if not answer:
        return None
    folder = Path(answer)
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
