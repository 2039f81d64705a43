"""A study on nodes that `ray start` has started, as docs/scaling.md says; one of them is killed in the middle."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipeline.conftest import STUDY, hashes, tensors

pytestmark = pytest.mark.slow
RAY = str(Path(sys.executable).with_name("ray"))
WAIT = 600  # seconds: others may need this machine


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def ray_start(tmp_path):
    """Start a part of a cluster by `ray start`; all are killed in the end."""
    pytest.importorskip("ray")
    started = []

    def start(name, *words):
        environment = {**os.environ, "FRIENDFOE_NODE": str(tmp_path / name)}
        command = [RAY, "start", "--block", "--object-store-memory", "80000000", *words]
        with (tmp_path / f"{name}.log").open("w") as log:
            running = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        started.append(running)
        deadline = time.monotonic() + WAIT
        while "Ray runtime started" not in (said := (tmp_path / f"{name}.log").read_text()):
            assert running.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        return running

    yield start
    for running in reversed(started):
        kill(running)


def kill(running):
    if running.poll() is None:
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def test_a_study_on_two_nodes_one_of_which_is_killed(fresh_project, done_project, ray_start, tmp_path):
    project, port = fresh_project.copy(tmp_path / "project"), free_port()
    for command in (
        f"dvc remote add --local --default store {tmp_path / 'store'}",
        "git config user.name test",
        "git config user.email test@example.org",
    ):
        assert project.run(*command.split()).returncode == 0
    address = f"127.0.0.1:{port}"
    ray_start("head", "--head", "--port", str(port), "--num-cpus", "0", "--include-dashboard", "false")
    nodes = {name: ray_start(name, "--address", address, "--num-cpus", "1") for name in ("one", "two")}
    running = project.start("friendfoe", "repro", STUDY, "--ray", address)
    models = tmp_path / "one/project/models"
    deadline = time.monotonic() + WAIT
    while not models.exists():  # it has begun to train
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    kill(nodes["one"])
    said, wrong = running.communicate(timeout=WAIT)
    assert running.returncode == 0, said + wrong
    assert re.search(r"times again after the loss of a worker", said), said
    assert hashes(project) == hashes(done_project)
    assert tensors(project.path / "models") == tensors(done_project.path / "models")
    for log in (project.path / ".friendfoe/logs").rglob("*@*.log"):  # all of it on nodes
        assert log.read_text().startswith("attempt 1: a task of Ray"), log
    assert not [*(project.path / ".friendfoe").rglob("*.pt")]
