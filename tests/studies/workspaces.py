"""Folders in which a study is planned and run, with small params in place of the project's."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from friendfoe.runtime.sealed import seal

ROOT = Path(__file__).parents[2]


def params(study=None):
    """The project's params of a study, or of its data sets, to be changed at will."""
    path = ROOT / "pipelines" / study / "params.yaml" if study else ROOT / "params.yaml"
    return json.loads(json.dumps(YAML(typ="safe").load(path)))  # without aliases: a change changes one place


DIGITS = {  # few images, and a network that is trained in no time
    **params()["data"]["digits"],
    "source": {"kind": "digits", "limit": 60},
    "replicates": 2,
    "network": {"kind": "mlp", "hidden": [8]},
    "training": {"epochs": 2, "batch": 16, "optimizer": "sgd", "learning_rate": 0.1},
}

CHECKS = {"steps": 5, "more_steps": 10, "restarts": 2, "targets": 1, "queries": 10}  # of gradients, with few passes


def lay_out(path, data, **studies):
    """Write params into a folder, beside the code: sections of data sets, and those of studies."""
    write(path / "params.yaml", {"datasets": [*data], "data": data})
    for name, section in studies.items():
        write(path / "pipelines" / name / "params.yaml", section)
    for name in ("friendfoe", "stages"):
        (path / name).symlink_to(ROOT / name)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    YAML(typ="safe").dump(content, path)


@contextmanager
def entered(path):
    """The folder as the current one; stages run in this process, one replicate after another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("FRIENDFOE_WORKERS", "1")
        yield


@contextmanager
def replaced(path, content):
    """A file that holds something else for a while, as if it had been written so."""
    sealed = path.with_name("checksums.json").exists()
    kept = path.read_bytes()
    path.write_bytes(content)
    try:
        if sealed:
            seal(path.parent)
        yield
    finally:
        path.write_bytes(kept)
        if sealed:
            seal(path.parent)


def changed(section, place, value):
    """A section in which something else stands at a place, such as "patch.eps"; `None`: nothing."""
    *words, last = place.split(".")
    inner = section
    for word in words:
        inner = inner[word]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return section


def contents(*directories):
    """The bytes of all files, but for the date of a report."""
    files = {p: p.read_bytes() for directory in directories for p in sorted(directory.rglob("*")) if p.is_file()}
    return {path: _undated(content) if path.name == "study.json" else content for path, content in files.items()}


def _undated(content):
    study = json.loads(content)
    del study["provenance"]["drawn"]["date"]
    return study
