"""Jobs: what a stage does, with all its settings resolved, read from the file that the plan has written for it."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import Strict, nearest

J = TypeVar("J", bound=Strict)


def read(kind: type[J], data: str, *names: str) -> J:
    """The job of one thing that is run on a data set; `names`: the study where there is one, and what it is.

    Raises:
        UserError: nothing of that name is planned, with the nearest that is; or the file is damaged.
    """
    path = paths.plan(data, *names)
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(_missing(path)) from None
    except ValidationError:
        raise UserError(f"{path} is not of this code; `dvc repro plan` renews it") from None


def every(data: str, study: str) -> dict[str, Any]:
    """All jobs of a study on a data set as they are planned, by name."""
    folder = paths.plan(data, study, "plot").parent
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def _missing(path: Path) -> str:
    """Which part of the path of a plan is not there, and what probably was meant."""
    if not paths.PLAN.exists():
        return f"{paths.PLAN} is missing; `dvc repro plan` makes it, from the root of the project"
    folder = next(parent for parent in path.parents if parent.exists())
    name = path.relative_to(folder).parts[0].removesuffix(".json")
    known = [entry.name.removesuffix(".json") for entry in folder.iterdir()]
    return f"{folder}: there is no '{name}'; {nearest(name, known)} (`dvc repro plan` renews the plan)"
