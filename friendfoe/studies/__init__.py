"""The studies: what belongs to one source alone, a package each.

A study is a package `friendfoe.studies.NAME` with three modules; nothing else has to know of it:

- `settings`: `Settings(StudySettings)`, what only this study has in `pipelines/NAME/params.yaml`, or `WithExplorer`;
- `analyse`: `analyse(study: Inputs[Settings], out: Path)`, which computes from models and images what the evaluations
  do not hold; other modules of the same kind may have stages of their own (`Settings.parts`);
- `plot`: `plot(study: Results[Settings], report: StudyReport)`, which makes tables, figures and verdicts. It works from
  files alone and does not import torch. Beside it `page.md`, the page on which they have their places (`document`).

A module `effort` may say how much work the analysis is, for estimates of time (`friendfoe.plan.cost`).

Beside them lies `published.csv`, the numbers of the source with their citations. What studies do in the same way stands
here: `analysis`, `facts`, `classes`, `gallery` and `explorer` for what computes, `evidence`, `claims`, `page` and
`tables` for what is drawn.
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest
from friendfoe.studies.job import StudySettings


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


def settings(study: str) -> type[StudySettings]:
    """The class of a study's own settings."""
    kind: type[StudySettings] = module(study, "settings").Settings
    return kind
