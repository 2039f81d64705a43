"""`friendfoe repro --jobs`: stages run at once, and what they leave is what `dvc repro` leaves."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from friendfoe.pipeline import repro, side_by_side
from friendfoe.pipeline.schedule import Slots
from friendfoe.runtime.errors import UserError
from tests.pipeline.conftest import STUDY, hashes, tensors

ROOT = Path(__file__).parents[2]
DIAMOND = {
    "a": {"cmd": "echo a > a", "outs": ["a"]},
    # each waits for the other: run one after another, they would wait for ever
    "b": {"cmd": "touch b.here; until test -e c.here; do sleep 0.02; done; cat a > b", "deps": ["a"], "outs": ["b"]},
    "c": {"cmd": "touch c.here; until test -e b.here; do sleep 0.02; done; cat a > c", "deps": ["a"], "outs": ["c"]},
    "d": {"cmd": "cat b c > d", "deps": ["b", "c"], "outs": [{"d": {"cache": False}}]},
}
RUN = """
import sys
from friendfoe.pipeline.repro import alone
from friendfoe.pipeline.leftovers import mend
from friendfoe.pipeline.schedule import Slots
from friendfoe.pipeline.side_by_side import run
with alone():
    [*mend()]
    sys.exit(run([], [], Slots(int(sys.argv[1]), 2)))
"""


def write(stages):
    """A project of DVC with these stages, as the current folder."""
    Path(".dvc").mkdir(exist_ok=True)
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHELL", "/bin/sh")
    write(DIAMOND)
    return tmp_path


def run(*targets, options=(), jobs=2):
    return side_by_side.run(targets, options, Slots(jobs, 2))


def start(folder, jobs=4):
    """The same in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SHELL": "/bin/sh"}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(jobs)], cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def lock(folder=Path()):
    return yaml.safe_load((folder / "dvc.lock").read_text())


def processes(folder):
    """Those that work in a folder."""
    found = []
    for process in psutil.process_iter(["pid", "cwd", "status"]):
        here = process.info["cwd"] and Path(process.info["cwd"]) == folder
        if here and process.info["status"] != "zombie" and process.info["pid"] != os.getpid():
            found.append(process)
    return found


def test_stages_that_do_not_need_one_another_run_at_once_and_leave_what_dvc_leaves(project, capsys, tmp_path):
    assert run() == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split("] ")[1].split(",")[0] for line in said[:2]] == ["a begins", "a ends"]
    assert said[-1].startswith("4 stages in ")
    assert said[-1].endswith(": 4 run")
    assert Path("d").read_text() == "a\na\n"
    assert "cat a > b" in Path(".friendfoe/logs/b.log").read_text()
    (project / "dvc").mkdir()
    os.chdir(project / "dvc")
    write(DIAMOND | {name: {**DIAMOND[name], "cmd": f"{DIAMOND[name]['cmd']}"} for name in "bc"})
    for name in ("b.here", "c.here"):
        Path(name).touch()
    subprocess.run((sys.executable, "-m", "dvc", "repro", "-q"), check=True)
    assert lock() == lock(project)


def test_what_is_there_is_not_made_again(project, capsys):
    run()
    capsys.readouterr()
    assert run() == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(": 4 unchanged")
    for name in ("dvc.lock", "b"):
        Path(name).unlink()
    assert run() == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(": 2 run, 2 from the run-cache")
    # the run-cache does not take what depends on nothing, and what DVC is not to cache
    Path("d").unlink()
    assert run("b") == 0
    assert not Path("d").exists()
    assert capsys.readouterr().out.splitlines()[-1].endswith(": 2 unchanged")


def test_the_first_failure_stops_what_has_not_begun(project, capsys):
    broken = {"cmd": "echo first; echo why >&2; exit 3", "outs": ["broken"]}
    write({"broken": broken, "after": {"cmd": "true", "deps": ["broken"]}, "other": {"cmd": "true", "deps": ["late"]},
           "late": {"cmd": "sleep 0.3; touch late", "outs": ["late"]}})  # fmt: skip
    assert run() == 1
    said = capsys.readouterr().out
    assert "1 run, 1 failed, 2 not begun" in said
    assert "broken failed; the end of .friendfoe/logs/broken.log:" in said
    assert said.splitlines()[-3:-1] == ["  first", "  why"]
    assert said.splitlines()[-1] == "  failed to run: echo first; echo why >&2; exit 3, exited with 3"
    assert run(options=["--keep-going"]) == 1
    assert "1 run, 1 unchanged, 1 failed, 1 not begun" in capsys.readouterr().out
    assert {*lock()["stages"]} == {"late", "other"}


def test_what_cannot_be_is_said_in_a_line(project):
    with pytest.raises(UserError, match=r"Stage 'e' not found inside 'dvc.yaml' file"):
        run("e")
    with pytest.raises(UserError, match="`dvc repro` does not have all of these options: --fast"):
        run(options=["--fast"])
    with pytest.raises(UserError, match=r"--dry, --interactive, .* are for DVC alone: `dvc repro --interactive`"):
        run(options=["--interactive"])
    Path("dvc.yaml").write_text("stages: [")
    with pytest.raises(UserError, match=r"unable to read: 'dvc.yaml', YAML file structure is corrupted"):
        run()


def test_a_second_one_is_kept_out(project, monkeypatch):
    monkeypatch.setattr(repro, "_PATIENCE", 0.1)
    said = pytest.raises(UserError, match=rf"is being made by process {os.getpid()} on .*; wait for its end")
    with repro.alone(), said, repro.alone():
        pass
    with repro.alone():
        pass


def test_stages_get_their_part_of_the_machine(project):
    write({name: {"cmd": f"echo $FRIENDFOE_WORKERS $CUDA_VISIBLE_DEVICES > {name}", "outs": [name]} for name in "ab"})
    side_by_side.run([], [], Slots(2, 6, ["5", "7"]))
    assert sorted(Path(name).read_text() for name in "ab") == ["3 5\n", "3 7\n"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_and_the_next_run_goes_on(project, number):
    stages = {name: {"cmd": f"touch {name}.here; sleep 60; touch {name}", "outs": [name]} for name in "bc"}
    write(stages | {"a": {"cmd": "touch a", "outs": ["a"]}})
    running = start(project)
    while not (Path("b.here").exists() and Path("c.here").exists() and Path("a").exists()):
        assert running.poll() is None, running.stdout.read()
        time.sleep(0.05)
    running.send_signal(number)
    said, _ = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert said.splitlines()[-1] == "interrupted; the same command goes on from here"
    assert "Traceback" not in said
    assert not processes(project)
    assert [*lock()["stages"]] == ["a"]
    write(
        {name: {**stage, "cmd": f"touch {name}"} for name, stage in stages.items()}
        | {"a": {"cmd": "touch a", "outs": ["a"]}}
    )
    again = start(project)
    assert "2 run, 1 unchanged" in again.communicate(timeout=60)[0]


@pytest.mark.slow
def test_killed_at_random_moments_and_run_again_it_ends_as_if_it_had_not_been(project):
    """The process and its group; what it has started is in groups of its own, and ends with it."""
    draw = random.Random(0)
    layers = [[f"{letter}{number}" for number in range(4)] for letter in "abc"]
    write({
        name: {"cmd": f"echo half > {name}; sleep 0.2; echo {name} >> {name}", "deps": before, "outs": [{name: {"cache": name != "b1"}}]}
        for before, layer in zip([[], *layers], layers, strict=False) for name in layer
    })  # fmt: skip
    undisturbed = project.parent / "undisturbed"
    shutil.copytree(project, undisturbed)
    assert start(undisturbed).wait() == 0
    kills = 0
    while kills < 20:
        running = start(project)
        try:
            running.wait(timeout=draw.uniform(1.0, 4.0))
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            kills += 1
            running.wait()
            continue
        assert running.returncode == 0, running.stdout.read()
        for path in project.iterdir():  # from nothing again
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(undisturbed / ".dvc", ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
        shutil.copy(undisturbed / "dvc.yaml", ".")
    last = start(project)
    assert last.wait() == 0, last.stdout.read()
    assert not processes(project)
    assert lock() == lock(undisturbed)
    for name in itertools.chain(*layers):
        assert Path(name).read_text() == (undisturbed / name).read_text()


@pytest.mark.slow
def test_eight_at_once_are_near_the_longest_path(project):
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        pytest.skip("others need this machine")
    layers = [[f"{letter}{number}" for number in range(8)] for letter in "abc"]
    write({
        name: {"cmd": f"sleep 10; touch {name}", "deps": before, "outs": [name]}
        for before, layer in zip([[], *layers], layers, strict=False) for name in layer
    })  # fmt: skip
    began = time.monotonic()
    assert run(jobs=8) == 0
    assert time.monotonic() - began < 1.1 * 30


@pytest.mark.slow
def test_a_study_ends_with_the_same_results(fresh_project, done_project, tmp_path):
    project = fresh_project.copy(tmp_path / "project")
    result = project.run("friendfoe", "repro", "--jobs", "2", STUDY)
    assert result.returncode == 0, result.stdout + result.stderr

    assert hashes(project) == hashes(done_project)
    assert len(hashes(project)) > 10
    assert tensors(project.path / "models") == tensors(done_project.path / "models")
    assert "Running stage" not in project.run("dvc", "repro", STUDY).stdout
