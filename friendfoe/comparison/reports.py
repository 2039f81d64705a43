"""The report of a study in a run: its numbers, its verdicts, by which settings, and whether it is as it came out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import md5
from pathlib import Path
from typing import Any

from friendfoe.comparison.numbers import Row, read
from friendfoe.comparison.runs import Files, Run
from friendfoe.plan.provenance import folder_hash
from friendfoe.report.study import FILE
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError

CLASSES = "class by class"
"""What the tables of single classes are called together."""


@dataclass(frozen=True)
class Report:
    """A report, and the files that its numbers are in.

    Attributes:
        run: what its run is called.
        files: by path.
    """

    run: str
    data: str
    study: str
    files: Files

    @property
    def title(self) -> str:
        """What it is of."""
        return f"{self.study} on {self.data}"

    @cached_property
    def head(self) -> Mapping[str, Any]:
        """What `study.json` says.

        Raises:
            UserError: it is damaged.
        """
        path = paths.report(self.data, self.study) / FILE
        try:
            said: dict[str, Any] = json.loads(self.files[path])
        except ValueError as error:
            raise UserError(f"{path} of {self.run} is damaged ({error})") from None
        return said

    @property
    def provenance(self) -> Mapping[str, Any]:
        """By what it was drawn and planned; of early reports nothing."""
        known: dict[str, Any] = self.head.get("provenance", {})
        return known

    @property
    def main_table(self) -> str:
        """The name of the table that its page shows first."""
        return next((block["name"] for block in self.head["blocks"] if block["kind"] == "table"), "")

    def tables(self) -> dict[str, list[Row]]:
        """The tables of the page by name, in its order, then those that are for machines.

        Raises:
            UserError: one is damaged.
        """
        shown = [block["name"] for block in self.head["blocks"] if block["kind"] in ("table", "claims")]
        folder = paths.report(self.data, self.study) / "tables"
        found = {path.stem: path for path in self.files if path.parent == folder and path.suffix == ".csv"}
        ordered = {name: found.pop(name) for name in shown if name in found}
        rows = {name: self._read(path) for name, path in {**ordered, **found}.items()}
        by_class = [path for path in self.files if path.is_relative_to(_evaluations(self.data, self.study))]
        return {**rows, CLASSES: [row for path in by_class for row in self._read(path)]}

    def altered(self) -> list[str]:
        """The files and folders that are not as they came out of the run, by its lock."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            lock = YAML(typ="safe").load(self.files.get(_lock(self.study), b""))
        except YAMLError as error:
            raise UserError(f"{_lock(self.study)} of {self.run} is damaged ({' '.join(str(error).split())})") from None
        outs = (out for stage in (lock or {}).get("stages", {}).values() for out in stage.get("outs", ()))
        return [out["path"] for out in outs if (found := self._hash(Path(out["path"]))) and found != out["md5"]]

    def _hash(self, place: Path) -> str:
        """The hash by which DVC knows a file or a folder; empty where it is none of these."""
        if place in self.files:
            return md5(self.files[place]).hexdigest()
        below = {path.relative_to(place).as_posix(): path for path in self.files if path.is_relative_to(place)}
        return folder_hash({name: md5(self.files[path]).hexdigest() for name, path in below.items()}) if below else ""

    def _read(self, path: Path) -> list[Row]:
        try:
            return read(self.files[path])
        except (ValueError, KeyError) as error:  # pandas' parser errors are ValueErrors
            raise UserError(f"{path} of {self.run} is damaged ({' '.join(str(error).split())})") from None


def report(run: Run, data: str, study: str) -> Report:
    """The report of a study on a data set.

    Raises:
        UserError: the run has none.
    """
    folder = paths.report(data, study)
    files = run.files(folder / FILE, folder / "tables", _evaluations(data, study), _lock(study))
    if folder / FILE not in files:
        raise UserError(f"{run.name} has no report of {study} on {data}")
    return Report(run.name, data, study, files)


def _evaluations(data: str, study: str) -> Path:
    return paths.evaluation(data, study, "any").parent


def _lock(study: str) -> Path:
    return paths.PIPELINES / study / "dvc.lock"
