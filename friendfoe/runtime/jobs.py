"""Jobs: what a stage does, with all its settings resolved, read from the file that the plan has written for it."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import Strict, nearest

J = TypeVar("J", bound=Strict)

_RENEW = "not of this code; `dvc repro plan` renews it"

_as_read: dict[Path, bytes] = {}


def read(kind: type[J], data: str, *names: str) -> J:
    """The job of one thing that is run on a data set; `names`: the study where there is one, and what it is.

    Raises:
        UserError: nothing of that name is planned, with the nearest that is; or the file is damaged.
    """
    path = paths.plan(data, *names)
    if any(name == ".." or Path(name).name != name for name in (data, *names)):  # "../x" is the name of nothing
        raise UserError(_missing(data, *names))
    try:
        _as_read[path] = path.read_bytes()
        return kind.model_validate_json(_as_read[path])
    except FileNotFoundError:
        raise UserError(_missing(data, *names)) from None
    except ValidationError:
        raise UserError(
            f"{path} is not of this kind of stage, or not of this code; `dvc repro plan` renews it"
        ) from None


def were_read() -> list[Path]:
    """The files of the jobs that this stage has read, the last one first."""
    return [*reversed(_as_read)]


def check_unchanged() -> None:
    """At the end of a stage: what it has read is still what is planned.

    Raises:
        UserError: it is not, so that DVC must not take the results for those of the plan as it is now.
    """
    for path, content in _as_read.items():
        if not path.exists() or path.read_bytes() != content:
            raise UserError(f"{path} was changed while this stage ran by it; run the same command again")


def every(data: str, study: str) -> dict[str, Any]:
    """All jobs of a study on a data set as they are planned, by name.

    Raises:
        UserError: a file is damaged.
    """
    jobs = {}
    for path in sorted(paths.plan(data, study, "plot").parent.glob("*.json")):
        try:
            jobs[path.stem] = json.loads(path.read_text())
        except ValueError:
            raise UserError(f"{path} is {_RENEW}") from None
    return jobs


def _missing(*names: str) -> str:
    """Which of the names is not planned, and what probably was meant."""
    if not paths.PLAN.exists():
        return f"{paths.PLAN} is missing; `dvc repro plan` makes it, from the root of the project"
    folder, name, known = paths.PLAN, "", set[str]()
    for name in names:
        known = {entry.name.removesuffix(".json") for entry in folder.iterdir()} if folder.is_dir() else set()
        if name not in known:
            break
        folder /= name
    return f"{folder}: there is no '{name}'; {nearest(name, sorted(known))} (`dvc repro plan` renews the plan)"
