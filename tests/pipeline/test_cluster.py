"""`friendfoe repro --ray`: nodes that share nothing but the remote make stages, and what comes of it is as made here."""

import os
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import psutil
import pytest
import yaml

from friendfoe.pipeline import cluster, node, on_node, travel
from friendfoe.pipeline.cluster import Part, connect
from friendfoe.runtime.errors import UserError

ROOT = Path(__file__).parents[2]
RUN = """
from friendfoe.pipeline.cluster import connect
from friendfoe.pipeline.repro import alone
from friendfoe.pipeline.schedule import Slots
from friendfoe.pipeline.side_by_side import run
from friendfoe.runtime import cli
def main(address: str) -> None:
    with alone(), connect(address, None, None) as cluster:
        raise SystemExit(run([], ["--keep-going"], Slots(cluster.part.jobs, 1), cluster))
cli.run(main)
"""


def git(*words):
    return subprocess.run(("git", *words), check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of four stages, one of which makes what neither DVC's cache nor Git has; with a remote."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, value in {
        "SHELL": "/bin/sh", "PYTHONPATH": str(ROOT), "GIT_CONFIG_GLOBAL": os.devnull, "COUNTED": str(tmp_path / "counted"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    analytics = false\n")
    Path(".gitignore").write_text("/plan\n/out\n/.friendfoe\n/.dvc/tmp\n/.dvc/cache\n/.dvc/config.local\n")
    Path("base").write_text("base\n")
    count = "echo {0} $PWD >> $COUNTED;"
    stages = {"plan": {"cmd": f"{count.format('plan')} mkdir plan; cp base plan/x", "deps": ["base"], "outs": [{"plan": {"cache": False}}]}}
    for name in "ab":
        cmd = f"{count.format(name)} sleep 1; mkdir -p out/{name}; cat plan/x > out/{name}/y; echo {name} > {name}.tsv"
        stages[name] = {
            "cmd": cmd, "deps": ["plan/x"], "outs": [f"out/{name}"],
            "plots": [{f"{name}.tsv": {"cache": False}}],
        }  # fmt: skip
    stages["all"] = {
        "cmd": f"{count.format('all')} cat out/*/* a.tsv b.tsv > page", "deps": ["out", "a.tsv", "b.tsv"],
        "outs": [{"page": {"cache": False}}],
    }  # fmt: skip
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    git("init", "-q")
    git("config", "user.name", "test")
    git("config", "user.email", "test@example.org")
    git("add", "-A")
    git("commit", "-qm", "start")
    remote = ("dvc", "remote", "add", "-q", "--local", "--default", "store", str(tmp_path / "store"))
    subprocess.run(remote, check=True)
    Path("base").write_text("edited\n")
    return folder


def counted(folder):
    file = folder.parent / "counted"
    return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []


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


def holds(folder, command):
    """Whether such a command runs below a folder."""
    return any(
        process.info["cwd"] and Path(process.info["cwd"]).is_relative_to(folder) and command in process.info["cmdline"][-1:][0]
        for process in psutil.process_iter(["cwd", "cmdline"]) if process.info["cmdline"]
    )  # fmt: skip


def start(address):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, address], text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@pytest.mark.slow
def test_nodes_with_their_own_clones_make_all_and_the_head_nothing(project, nodes, tmp_path):
    made, _ = nodes
    said, _ = (running := start(made.address)).communicate(timeout=240)
    assert running.returncode == 0, said
    assert said.splitlines()[-1].endswith(": 4 run"), said
    runs = counted(project)
    assert sorted(name for name, _ in runs) == ["a", "all", "b", "plan"]
    assert {folder.split("/")[-2] for _, folder in runs} == {"one", "two"}
    assert Path("page").read_text() == "edited\nedited\na\nb\n"
    said, _ = start(made.address).communicate(timeout=240)
    assert said.splitlines()[-1].endswith(": 4 unchanged"), said
    # from the run-cache of the remote, which has what `dvc push` would not bring there
    left = yaml.safe_load(Path("dvc.lock").read_text())
    git("clean", "-qfdx", "-e", ".dvc/config.local")
    said, _ = start(made.address).communicate(timeout=240)
    assert said.splitlines()[-1].endswith(": 4 from the run-cache"), said
    assert counted(project) == runs
    subprocess.run(("dvc", "repro", "-q", "--force"), check=True)  # here
    assert yaml.safe_load(Path("dvc.lock").read_text()) == left


@pytest.mark.slow
def test_the_loss_of_a_node_in_the_middle_does_not_matter(project, nodes, tmp_path):
    made, here = nodes
    stages = yaml.safe_load(Path("dvc.yaml").read_text())
    stages["stages"]["b"]["cmd"] = f"test -e {tmp_path}/lost || sleep 60; " + stages["stages"]["b"]["cmd"]
    Path("dvc.yaml").write_text(yaml.safe_dump(stages))
    running = start(made.address)
    while not (where := [path for path in (tmp_path / "one", tmp_path / "two") if holds(path, "sleep 60")]):
        assert running.poll() is None, running.stdout.read()
        time.sleep(0.1)
    (tmp_path / "lost").touch()
    made.remove_node(here[where[0].name], allow_graceful=False)
    said, _ = running.communicate(timeout=240)
    assert running.returncode == 0, said
    assert "b begins again: its worker was lost" in said
    assert said.splitlines()[-1].endswith(": 4 run, 1 times again after the loss of a worker"), said
    assert not holds(where[0], "sleep 60")  # nothing outlives its node
    assert Path("page").read_text() == "edited\nedited\na\nb\n"


@pytest.mark.slow
def test_a_signal_ends_what_runs_on_nodes(project, nodes, tmp_path):
    made, _ = nodes
    stages = yaml.safe_load(Path("dvc.yaml").read_text())
    stages["stages"]["b"]["cmd"] = "sleep 60"
    Path("dvc.yaml").write_text(yaml.safe_dump(stages))
    running = start(made.address)
    while not any(holds(tmp_path / name, "sleep 60") for name in ("one", "two")):
        assert running.poll() is None, running.stdout.read()
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 130, said
    assert said.splitlines()[-1] == "interrupted; the same command goes on from here"
    assert not any(holds(tmp_path / name, "sleep 60") for name in ("one", "two"))


@pytest.mark.slow
def test_a_stage_that_fails_says_why_here(project, nodes):
    made, _ = nodes
    stages = yaml.safe_load(Path("dvc.yaml").read_text())
    stages["stages"]["b"]["cmd"] = "echo why; false"
    Path("dvc.yaml").write_text(yaml.safe_dump(stages))
    Path("out/strange").mkdir(parents=True)
    Path("out/strange/file").touch()
    running = start(made.address)
    said, _ = running.communicate(timeout=240)
    assert running.returncode == 1
    assert "2 run, 1 failed, 1 not begun" in said
    assert "b failed; the end of .friendfoe/logs/b.log:" in said
    assert said.splitlines()[-2:] == ["  why", "  failed to run: echo why; false, exited with 1"]
    stages["stages"]["b"]["cmd"] = "mkdir -p out/b; touch out/b/y b.tsv"
    Path("dvc.yaml").write_text(yaml.safe_dump(stages))
    running = start(made.address)
    said, _ = running.communicate(timeout=240)
    assert running.returncode == 1
    assert said.splitlines()[-1].startswith("  out is not the same on this node: what neither Git nor a stage")


