"""`friendfoe repro --ray`: nodes that share nothing but the remote make stages, and what comes of it is as made here."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import psutil
import pytest
import yaml

from friendfoe.pipeline import cluster, node, on_node, points
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
    stages = {
        "plan": {
            "cmd": f"{count.format('plan')} mkdir plan; cp base plan/x",
            "deps": ["base"],
            "outs": [{"plan": {"cache": False}}],
        }
    }
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
    remote = f"[core]\n    remote = store\n['remote \"store\"']\n    url = {tmp_path / 'store'}\n"
    Path(".dvc/config.local").write_text(remote)
    Path("base").write_text("edited\n")
    return folder


def counted(folder):
    file = folder.parent / "counted"
    return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []


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


def test_a_part_is_a_share_of_all_nodes():
    workstation, laptop = {"CPU": 16.0, "GPU": 2.0}, {"CPU": 4.0}
    assert Part.of([laptop, laptop], None, None) == Part(4, 2, 0)
    assert Part.of([workstation], None, None) == Part(2, 8, 1)
    assert Part.of([workstation], 5, None) == Part(5, 3, 1 / 3)
    assert Part.of([workstation, laptop, {}], 2, 0) == Part(2, 4, 0)  # no more than each node has
    assert Part.of([{"CPU": 1.0}], 3, None) == Part(3, 1, 0)
    with pytest.raises(UserError, match="--gpus 3: the cluster has 2; ask for fewer"):
        Part.of([workstation], None, 3)
    with pytest.raises(UserError, match="--gpus 1: the cluster has none"):
        Part.of([laptop], None, 1)
    with pytest.raises(UserError, match="no node of the cluster has a core"):
        Part.of([{"node": 1.0}], None, None)


def refusal(address="auto"):
    with pytest.raises(UserError) as refused, connect(address, None, None):
        pass
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_cannot_be_is_said_in_a_line(project, monkeypatch, tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        assert f"--ray 127.0.0.1:{port}: there is no answer (Connection refused)" in refusal(f"127.0.0.1:{port}")
    assert "--ray here: must be HOST:PORT, such as 10.0.0.1:6379, or auto" in refusal("here")
    Path("stages").mkdir()
    Path("stages/new.py").touch()
    assert "stages/new.py is not known to Git" in refusal()
    Path("stages/new.py").unlink()
    Path(".dvc/config.local").unlink()
    assert refusal().startswith("a cluster needs a remote of DVC, through which results travel: ")
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    assert refusal().startswith("Ray is not installed; ")


def on_this_node():
    packed = cluster.as_packed({Path(): points.state()})
    return node.run(packed.projects[os.getcwd()], packed.repository, {}, 1)


def test_a_node_says_why_it_cannot(project, monkeypatch, tmp_path):
    monkeypatch.setenv("FRIENDFOE_NODE", str(tmp_path / "file/node"))
    (tmp_path / "file").touch()
    found = on_this_node()
    assert found["outcome"] == "failed"
    assert "Not a directory" in found["log"]


def test_a_full_disk_on_a_node_is_a_line(monkeypatch, capsys):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(10, 9, 1))
    assert on_node.answer({}, lambda: False) == {"outcome": "failed"}
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("the disk that holds ")


def test_clones_are_kept_and_follow_the_project(project, monkeypatch, tmp_path):
    monkeypatch.setenv("FRIENDFOE_NODE", str(tmp_path / "node"))
    monkeypatch.setattr(node, "_in_clone", lambda folder, *_: {"outcome": (folder / "base").read_text()})
    assert on_this_node()["outcome"] == "edited\n"
    clone = tmp_path / "node/project"
    assert str(tmp_path / "store") in (clone / ".dvc/config.local").read_text()
    (clone / "out").mkdir()
    (clone / "out/result").touch()
    (clone / "stranger").touch()
    git("commit", "-qam", "edited")
    git("restore", "--source=HEAD~", "base")
    assert on_this_node()["outcome"] == "base\n"
    git("checkout", "-q", "base")
    assert on_this_node()["outcome"] == "edited\n"
    assert (clone / "out/result").exists()
    assert not (clone / "stranger").exists()
    assert git("-C", str(clone), "rev-parse", "HEAD") == git("rev-parse", "HEAD")
    # those of points of a sweep are not kept for ever
    for name, used in (("sweep-1", 0), ("sweep-2", time.time())):
        (tmp_path / "node" / name).mkdir()
        (lock := tmp_path / f"node/{name}.lock").touch()
        os.utime(lock, (used, used))
    Path("base").write_text("edited again\n")
    on_this_node()
    assert not (tmp_path / "node/sweep-1").exists()
    assert (tmp_path / "node/sweep-2").exists()
