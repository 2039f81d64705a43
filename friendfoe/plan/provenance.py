"""Whether committed reports are those of this code and these params, by the locks of their pipelines.

DVC writes down in pipelines/STUDY/dvc.lock by which plan every stage has run, and what came out. A report is current
where all of its stages have run by the plan as it is now, and its files are those that came out.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from friendfoe.plan.write import texts
from friendfoe.report.study import FILE
from friendfoe.runtime import paths
from friendfoe.runtime.yaml import parse

Stages = Mapping[str, Any]  # of a lock: name -> deps and outs with their hashes


@dataclass(frozen=True)
class ReportOrigin:
    """Where a committed report comes from.

    Attributes:
        data: the data set.
        study: the study.
        code: which code made it, in words.
        differences: what is not as it was made, a line each; none where the report is of this code and these params.
    """

    data: str
    study: str
    code: str
    differences: list[str]


def origins(data: str = "") -> Iterator[ReportOrigin]:
    """The origin of every committed report, or of those of a data set.

    Raises:
        UserError: params or a lock are not in order.
    """
    plan = texts()
    for report in sorted(paths.REPORTS.glob(f"{data or '*'}/*/{FILE}")):
        place, study = report.parent.parent.name, report.parent.name
        lock = paths.PIPELINES / study / "dvc.lock"
        stages: Stages = parse(lock).get("stages", {}) if lock.exists() else {}
        of_data = {name: stage for name, stage in stages.items() if _plans(stage, place)}
        yield _origin(report, place, study, of_data, plan)


def _origin(report: Path, data: str, study: str, stages: Stages, plan: Mapping[Path, str]) -> ReportOrigin:
    provenance = json.loads(report.read_text(encoding="utf-8")).get("provenance")
    if provenance is None or f"plot@{data}" not in stages:
        return ReportOrigin(
            data, study, f"{_last_commit(report)} or before", ["made before locks were kept in this form"]
        )
    planned, commit = provenance["plan"], (provenance["drawn"]["commit"] or "unknown")[:10]
    code = f"commit {commit} of {provenance['drawn']['date'][:10]}"
    current = {path.stem: text for path, text in plan.items() if path.parent == paths.plan(data, study, "x").parent}
    by_path = {path: digest for stage in stages.values() for path, digest in _plans(stage, data).items()}
    drawn_by = by_path.pop(
        str(paths.PLAN / data / study)
    )  # the folder of all plans of the study, which a report states
    run_by = {Path(path).stem: digest for path, digest in by_path.items()}
    stale = [
        f"{name}: {setting_difference(planned.get(name), json.loads(text))}"
        for name, text in current.items()
        if name in run_by and run_by[name] != hashlib.md5(text.encode()).hexdigest()
    ]
    missing = [f"{name}: it has not been run" for name in current if name not in (*run_by, "plot")]
    gone = [f"{name}: it is no longer planned" for name in run_by if name not in current]
    stated = {f"{name}.json": hashlib.md5(text.encode()).hexdigest() for name, text in current.items()}
    drawn = ["plot: its code"] if not (stale or missing or gone) and folder_hash(stated) != drawn_by else []
    return ReportOrigin(data, study, code, [*stale, *missing, *gone, *drawn, *_changed_files(stages)])


def _plans(stage: Mapping[str, Any], data: str) -> dict[str, str]:
    """The plans that a stage has run by, and their hashes; those of one data set."""
    folder = f"{paths.PLAN / data}/"
    return {dep["path"]: dep["md5"] for dep in stage.get("deps", ()) if dep["path"].startswith(folder)}


def setting_difference(before: Any, now: Any) -> str:
    """Which settings of a job are others now; where none is, its code is."""
    if before is None:
        return "settings or code"
    old, new = (dict(_leaves(job)) for job in (before, now))
    changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key) and key != "code"]
    said = [f"{key} {old.get(key)} -> {new.get(key)}" for key in changed]
    return ", ".join([*said[:3], *(["..."] if len(said) > 3 else [])]) or "its code"


def _leaves(job: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(job, dict):
        for key, value in job.items():
            yield from _leaves(value, f"{place}.{key}" if place else key)
    else:
        yield place, job


def _changed_files(stages: Stages) -> list[str]:
    """The files of reports that are not those that came out."""
    outs = [out for stage in stages.values() for out in stage.get("outs", ())]
    reported = [out for out in outs if Path(out["path"]).is_relative_to(paths.REPORTS)]
    return [f"{out['path']}: not as it came out" for out in reported if _hash(Path(out["path"])) != out["md5"]]


def _hash(path: Path) -> str | None:
    """The hash by which DVC knows a file or a folder; None where there is none."""
    if path.is_file():
        return hashlib.md5(path.read_bytes()).hexdigest()
    if not path.is_dir():
        return None
    files = (file for file in path.rglob("*") if file.is_file())
    return folder_hash({file.relative_to(path).as_posix(): str(_hash(file)) for file in files})


def folder_hash(files: Mapping[str, str]) -> str:
    """The hash by which DVC knows a folder, from those of its files."""
    entries = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest() + ".dir"


def _last_commit(path: Path) -> str:
    """The commit that last changed a file, in words."""
    command = ("git", "log", "-1", "--format=commit %h of %as", "--", str(path))
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout.strip() or "a commit that is not known"
