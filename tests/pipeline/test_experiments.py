"""Experiments of DVC: one, and a queue."""

import json
import subprocess
import time

import pytest

from tests.pipeline.conftest import STUDY

pytestmark = pytest.mark.pipeline


@pytest.mark.slow
def test_experiments_and_a_queue(project):
    for command in ("git add -A", "git commit -q -m done"):
        assert project.run(*command.split()).returncode == 0
    result = project.run("dvc", "exp", "run", "-S", "data.digits.eps=0.05", STUDY)
    assert result.returncode == 0, result.stderr
    assert project.run("git", "diff", "--numstat", "--", "params.yaml").stdout.split() == ["1", "1", "params.yaml"]
    show = ("dvc", "exp", "show", "--only-changed", "--drop", "[^:]*/[^:]*$", "--drop", "params.yaml$")
    table = project.run(*show, COLUMNS="120").stdout
    assert "digits.B_clean" in table
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 120
    queued = project.run("dvc", "exp", "run", "--queue", "-S", "data.digits.eps=0.1,0.15,0.25", STUDY)
    assert queued.returncode == 0, queued.stderr
    # its worker inherits the output and lives on: nobody is to wait for its end
    start = ("dvc", "queue", "start")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(start, cwd=project.path, env=project.environment(), **quiet, check=True)
    deadline = time.monotonic() + 600
    while "Running" in (status := project.run("dvc", "queue", "status").stdout) or "Queued" in status:
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert status.count("Success") == 3, status
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    experiments = [rev for baseline in shown for entry in baseline["experiments"] or [] for rev in entry["revs"]]
    metrics = "reports/digits/assistive/metrics.json"
    attacked = {
        rev["data"]["params"]["params.yaml"]["data"]["data"]["digits"]["eps"]: rev["data"]["metrics"][metrics]["data"][
            "digits"
        ]["A_attacked"]
        for rev in experiments
    }
    assert sorted(attacked) == [0.05, 0.1, 0.15, 0.25]
    assert attacked[0.05] > attacked[0.25]
