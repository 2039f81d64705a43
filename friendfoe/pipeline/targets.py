"""What is to be made, in short words: studies and data sets in place of DVC's targets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.strict import nearest

if TYPE_CHECKING:
    from friendfoe.plan.whole import Plan

ALL = "all"


@dataclass
class Targets:
    """What DVC is asked for, and which reports come of it."""

    names: list[str] = field(default_factory=list)
    reports: list[tuple[str, str]] = field(default_factory=list)  # data set, study


def resolve(words: Sequence[str], plan: "Plan") -> Targets:
    """The targets that words stand for.

    Studies and data sets, in any order: every study named (none, or "all": all) on every data set named (none: those
    under `datasets`); a study that is not named is left out where it lacks the data set. A target of DVC stands for
    itself. No words: everything of `datasets`, which DVC does unasked.

    Raises:
        UserError: there is no such word, with the nearest; or a study that is named lacks the data set.
    """
    named = [word for word in words if not _is_target(word)]
    known = [*plan.studies, *plan.root.data, ALL]
    for word in named:
        if word not in known:
            raise UserError(f"there is no study or data set '{word}'; {nearest(word, known)}")
    studies = [word for word in named if word in plan.studies]
    data_sets = [word for word in named if word in plan.root.data] or plan.root.datasets
    targets = Targets([word for word in words if _is_target(word)])
    if targets.names and not named:
        return targets
    for data in data_sets:
        for study in studies or plan.studies:
            if data in plan.studies[study].params.data:
                targets.reports.append((data, study))
            elif studies:
                raise UserError(f"{study} is not planned on {data}: {plan.lacking(data, study)}")
    if words:
        targets.names += [f"{paths.PIPELINES / study / 'dvc.yaml'}:plot@{data}" for data, study in targets.reports]
    return targets


def _is_target(word: str) -> bool:
    return any(mark in word for mark in ":@/") or word in ("plan", "dvc.yaml") or Path(word).is_file()
