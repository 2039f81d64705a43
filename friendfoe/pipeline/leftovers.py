"""What a run that was killed leaves in the way of the next one, where the files are Git's or DVC's and not ours."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

LOCKS = (Path(".dvc/tmp/rwlock"), Path(".dvc/tmp/exps/rwlock"), Path(".git/index.lock"))


def mend() -> Iterator[str]:
    """Remove locks that nobody holds, and bring back locks of results that were cut short; say each in a line.

    DVC writes both kinds of file in place: killed meanwhile, it leaves them empty or half. It stops at either, always.
    Nothing is done while Git or DVC runs in this project.
    """
    blocking = [path for path in LOCKS if path.exists() and not _is_free(path)]
    damaged = [path for path in (Path("dvc.lock"), *sorted(Path("pipelines").glob("*/dvc.lock"))) if not _whole(path)]
    if not (blocking or damaged):
        return
    if pid := _running():
        yield f"{(blocking + damaged)[0]} is in use, or waits to be mended: process {pid} of Git or DVC runs here"
        return
    for path in blocking:
        path.unlink()
        yield f"{path} was left by a run that was killed; it is removed"
    for path in damaged:
        committed = subprocess.run(("git", "show", f":./{path}"), capture_output=True, check=False)
        if committed.returncode == 0:
            path.write_bytes(committed.stdout)
        else:
            path.unlink()
        done = "it is as committed again" if committed.returncode == 0 else "it is removed"
        yield f"{path} was cut short by a run that was killed; {done}, and DVC's cache has what was run since"


def _is_free(path: Path) -> bool:
    """Whether a lock of DVC's names nobody who reads or writes."""
    try:
        return not any(json.loads(path.read_bytes()).values())
    except (ValueError, AttributeError):
        return False


def _whole(path: Path) -> bool:
    """Whether DVC can read a lock of results."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from voluptuous import Invalid

    try:
        text = path.read_text(encoding="utf-8")
        COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(text))
    except FileNotFoundError:
        return True
    except (YAMLError, Invalid, UnicodeDecodeError):
        return False
    return text.endswith("\n")


def _running() -> int | None:
    """The process of Git or DVC that works in this project."""
    import psutil

    here = Path.cwd()
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter(["cwd", "cmdline"]):
        words = {Path(word).name for word in (process.info["cmdline"] or [])[:3]}
        folder = process.info["cwd"]
        if process.pid not in ours and words & {"git", "dvc"} and folder and Path(folder).is_relative_to(here):
            return int(process.pid)
    return None
