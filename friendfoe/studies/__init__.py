"""The studies: what belongs to one source alone, a package each.

A study is a package `friendfoe.studies.NAME` with three modules; nothing else has to know of it:

- `settings`: `Settings(Study)`, its section of params.yaml;
- `analyse`: `KEYS`, the params that it reads, and `analyse(study: Inputs[Settings], out: Path)`, which computes from
  models and images what the evaluations do not hold; other modules of the same kind may have stages of their own;
- `plot`: `KEYS` and `plot(study: Results[Settings], report: StudyReport)`, which puts tables, figures and verdicts in
  order. It works from tables alone and does not import torch.

Beside them lies `published.csv`, the numbers of the source with their citations.
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from friendfoe import params
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest
from friendfoe.runtime.yaml import explain


def names() -> list[str]:
    """The studies that there are."""
    return sorted(module.name for module in iter_modules(__path__) if module.ispkg)


def module(study: str, part: str) -> ModuleType:
    """The module `part` ("settings", "analyse", "plot", ...) of a study.

    Raises:
        UserError: there is no such study or part, with the nearest that there is.
    """
    if study not in names():
        raise UserError(f"there is no study '{study}'; {nearest(study, names())}")
    parts = [module.name for module in iter_modules(import_module(f"{__name__}.{study}").__path__)]
    if part not in parts:
        raise UserError(f"the study '{study}' has no part '{part}'; {nearest(part, parts)}")
    return import_module(f"friendfoe.studies.{study}.{part}")


def settings(study: str, section: params.Study) -> Any:
    """The section of params.yaml as the study's own `Settings`.

    Raises:
        UserError: a key or value that the study cannot have, with its place and the nearest valid name.
    """
    raw = section.model_dump(exclude_unset=True)
    try:
        return module(study, "settings").Settings.model_validate(raw)
    except ValidationError as error:
        raise explain(error, raw, params.FILE, within=("studies", study)) from None


def check(p: params.Params) -> None:
    """Check every section under `studies`, before anything is computed.

    Raises:
        UserError: as `settings`; or a section of no study.
    """
    for study, section in p.studies.items():
        if study not in names():
            raise UserError(f"{params.FILE}: studies.{study}: there is no such study; {nearest(study, names())}")
        settings(study, section)
