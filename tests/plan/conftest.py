"""A copy of the project's params and code, to be changed at will."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PARAMS = ("params.yaml", "dvc.yaml", "pipelines", "own")


class Copy:
    """A folder with what a plan is made from."""

    def __init__(self, path):
        self.path = path

    def edit(self, file, change):
        """Change a YAML file; `change` is handed what it holds."""
        yaml = YAML(typ="safe")  # in C: a fifth of the time that comments would take
        yaml.default_flow_style, yaml.sort_base_mapping_type_on_output = False, False
        content = yaml.load(self.path / file)
        change(content)
        yaml.dump(content, self.path / file)

    def replace(self, file, before, after):
        """Replace a text that stands in a file."""
        text = (self.path / file).read_text()
        assert before in text
        (self.path / file).write_text(text.replace(before, after))

    def run(self, *arguments, **environment):
        """Run the interpreter of the tests in the folder."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env={**os.environ, "FRIENDFOE_WORKERS": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self):
        """What has been planned, by path."""
        return {path.relative_to(self.path): path.read_text() for path in (self.path / "plan").rglob("*.json")}


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of params and pipelines as the current folder; the code is that of the project."""
    for name in PARAMS:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    for name in ("friendfoe", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return Copy(tmp_path)


@pytest.fixture
def own_copy(copy):
    """The same with code of its own."""
    for name in ("friendfoe", "stages"):
        (copy.path / name).unlink()
        shutil.copytree(ROOT / name, copy.path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy
