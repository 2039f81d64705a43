"""A small copy of the project in which one study has run once."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML
from safetensors.torch import load_file

from tests.once import made_once

ROOT = Path(__file__).parents[2]
STUDY = "pipelines/assistive/dvc.yaml:plot@digits"
FEW_STAGES = {"FRIENDFOE_WARM": "0"}  # a start that stages share costs as much as three of their own


class Project:
    """A copy of the project in a folder of its own, with Git and DVC."""

    def __init__(self, path):
        self.path = path

    def run(self, *command, **environment):
        """Run a command in the project with the interpreter of the tests; its result, text decoded."""
        return subprocess.run(
            command, cwd=self.path, env=self.environment(**environment), capture_output=True, text=True, check=False
        )

    def start(self, *command, **environment):
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.path,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_DFL
            ),  # ignored where tests run in the background
        )

    def environment(self, **more):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        identity = {
            f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        return {**os.environ, "PATH": path, **identity, **more}

    def repro(self, *arguments, **environment):
        """`dvc repro`, of one study where nothing is said; the names of the stages that ran, in order."""
        result = self.run("dvc", "repro", *(arguments or [STUDY]), **environment)
        assert result.returncode == 0, result.stdout + result.stderr
        lines = [line.split("'")[1] for line in result.stdout.splitlines() if line.startswith("Running stage")]
        return [line.removeprefix("pipelines/").replace("/dvc.yaml:", " ") for line in lines]

    def plan(self):
        """Plan anew, as the stage does that DVC would run."""
        result = self.run("python", "-m", "stages.plan")
        assert result.returncode == 0, result.stderr

    def set(self, key, value):
        """Change one value of params.yaml, or of a study's: STUDY:KEY."""
        study, _, key = key.rpartition(":")
        path = self.path / (f"pipelines/{study}/params.yaml" if study else "params.yaml")
        yaml = YAML()
        content = yaml.load(path)
        *words, last = key.split(".")
        section = content
        for word in words:
            section = section[word]
        section[last] = value
        yaml.dump(content, path)

    def copy(self, path):
        """The same project elsewhere, DVC's cache included."""
        shutil.copytree(self.path, path, symlinks=True)
        return Project(path)

    def files(self, *folders):
        """What the files below `folders` hold."""
        return {
            path.relative_to(self.path): path.read_bytes()
            for folder in folders
            for path in sorted((self.path / folder).rglob("*"))
            if path.is_file()
        }


@pytest.fixture(scope="session")
def fresh_project(tmp_path_factory):
    """The project with a small budget, before anything has run."""
    path = tmp_path_factory.mktemp("fresh") / "project"
    path.mkdir()
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, path)
    for name in ("friendfoe", "stages", "pipelines", "own"):
        shutil.copytree(ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__", "dvc.lock"))
    (path / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, path / ".dvc")
    project = Project(path)
    project.set("data.digits.source", {"kind": "digits", "limit": 200})
    project.set("data.digits.replicates", 2)
    project.set("data.digits.training.epochs", 2)
    project.set("data.digits.network.width", 4)
    for key, value in {"steps": 1, "areas": [0.1], "grid": 1, "images": 10}.items():
        project.set(f"assistive:patch.{key}", value)
    for command in ("git init -q", "git add -A", "git commit -q -m start"):
        result = project.run(*command.split())
        assert result.returncode == 0, result.stderr
    return project


@pytest.fixture(scope="session")
def done_project(request, tmp_path_factory):
    """The same after one study has run; not to be changed: take a copy."""

    def run(path):
        project = request.getfixturevalue("fresh_project").copy(path)
        path.with_suffix(".json").write_text(json.dumps(project.repro()))

    project = Project(made_once(tmp_path_factory, "done", run))
    project.ran = json.loads(project.path.with_suffix(".json").read_text())
    return project


@pytest.fixture
def project(done_project, tmp_path):
    """A copy of the finished project, to be changed at will."""
    return done_project.copy(tmp_path / "project")


@pytest.fixture
def nodes(tmp_path):
    """A cluster: a head that has no core for stages, and two nodes with one each, each with clones of its own."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    memory = {"object_store_memory": 80_000_000, "include_dashboard": False}
    made = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **memory})
    here = {
        name: made.add_node(num_cpus=1, env_vars={**os.environ, "FRIENDFOE_NODE": str(tmp_path / name)}, **memory)
        for name in ("one", "two")
    }
    yield made, here
    made.shutdown()


def tensors(folder):
    """What the weights files of a folder hold, besides what they say of their run."""
    return {
        (path.relative_to(folder), name): tensor.numpy().tobytes()
        for path in sorted(folder.rglob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def hashes(of):
    """What the locks of a project say of all but what says when it was made: weights, the facts of an analysis, pages."""
    stages = {}
    for file in (of.path / "dvc.lock", *of.path.glob("pipelines/*/dvc.lock")):
        stages |= yaml.safe_load(file.read_text())["stages"]
    outs = {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}
    dated = ("/analyse", "/index.html", "/study.json")
    return {path: md5 for path, md5 in outs.items() if not (path.startswith("models/") or path.endswith(dated))}
