"""Outputs are made by one process at a time; a failed stage leaves those that dvc.lock records, and no others."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from friendfoe.runtime import outputs as module
from friendfoe.runtime import recorded
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.outputs import KEPT, outputs, put_back, stage

ROOT = Path(__file__).parents[2]
TREE, FILE = Path("reports/digits/tables"), Path("reports/digits/a.json")
ARGUMENTS = ["-m", "stages.plot", "digits", "study"]


def write(text):
    TREE.mkdir(parents=True, exist_ok=True)
    (TREE / "w").write_text(text)
    FILE.write_text(text)


def record():
    """Write a dvc.lock as DVC does when the stage has ended well."""
    outs = [{"path": str(path), "md5": recorded.path_md5(path)} for path in (TREE, FILE)]
    lock = {"stages": {"plot@digits": {"cmd": f"python {' '.join(ARGUMENTS)}", "outs": outs}}}
    Path("dvc.lock").write_text(json.dumps(lock))  # JSON is YAML


def delete():
    """As DVC does before a stage runs."""
    shutil.rmtree(TREE)
    FILE.unlink()


def state():
    return {str(path): path.read_text() for path in sorted(Path("reports").rglob("*")) if path.is_file()}


def run(text, failure=None):
    """Run the stage; it may fail when it has made an output."""
    with stage():
        with outputs(TREE, FILE):
            write(text)
        if failure:
            raise failure


def fail(failure=RuntimeError):
    """Run the stage; it leaves half of an output."""

    def half():
        with stage(), outputs(TREE, FILE):
            FILE.write_text("half")
            raise failure

    with pytest.raises(failure):
        half()


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    """A project in which the stage runs under DVC, with an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stages/plot.py", *ARGUMENTS[2:]])
    monkeypatch.setenv("DVC_STAGE", "plot@digits")
    monkeypatch.setattr(recorded, "cache_folder", lambda: Path("cache"))


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_what_was_deleted_or_half_written_comes_back(failure):
    run("good")
    record()
    before = state()
    delete()
    fail(failure)
    assert state() == before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_never_those_of_another_run():
    run("one")
    record()
    run("another")  # by hand, or in an experiment; the lock is that of the first run
    delete()
    fail()
    assert state() == {str(FILE): "half"}
    Path("dvc.lock").unlink()
    FILE.unlink()
    fail()
    assert state() == {str(FILE): "half"}


def test_all_outputs_come_back_where_the_stage_fails_after_some_were_made():
    run("one")
    record()
    before = state()
    delete()
    with pytest.raises(RuntimeError):
        run("two", RuntimeError)
    assert state() == before


def test_they_come_from_the_cache_where_they_were_not_kept():
    run("good")
    record()
    before = state()
    for path in (TREE / "w", FILE):
        md5 = recorded.file_md5(path)
        recorded.cache_path(md5).parent.mkdir(parents=True, exist_ok=True)
        recorded.cache_path(md5).write_bytes(path.read_bytes())
    listing = json.dumps([{"md5": recorded.file_md5(TREE / "w"), "relpath": "w"}]).encode()
    listed = recorded.cache_path(f"{hashlib.md5(listing).hexdigest()}.dir")
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_bytes(listing)
    shutil.rmtree(KEPT)
    delete()
    fail()
    assert state() == before


def test_committed_ones_come_from_git_as_in_a_fresh_clone():
    write("good")
    record()
    before = state()
    for command in ("init -q", "add reports"):
        subprocess.run(["git", *command.split()], check=True)
    delete()
    fail()
    assert state() == before
    assert not list(Path().glob("tmp*"))


def test_a_process_that_is_stopped_before_it_is_ready_can_put_them_back():
    run("good")
    record()
    before = state()
    delete()
    command = (sys.executable, "-m", "friendfoe.runtime.outputs", "143", *ARGUMENTS)
    result = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert result.returncode == 143
    assert state() == before


def test_by_hand_a_failed_run_leaves_what_there_was(monkeypatch):
    monkeypatch.delenv("DVC_STAGE")
    write("recorded")
    record()
    write("good")
    before = state()
    fail()
    assert state() == before


def test_links_are_kept_of_what_no_cache_has_and_of_the_last_outputs():
    model = Path("models/digits/study/clean")
    with stage(), outputs(TREE, FILE, model):
        write("good")
        model.mkdir(parents=True)
        (model / "w").write_text("weights")
    assert (KEPT / FILE).samefile(FILE)
    assert (KEPT / TREE / "w").samefile(TREE / "w")
    assert (KEPT / model / "w").samefile(model / "w")  # until DVC has taken it
    with stage(), outputs(FILE):
        write("good")
    assert not (KEPT / model).exists()
    assert (KEPT / TREE / "w").exists()


def test_nothing_is_put_back_of_a_stage_of_another_command():
    run("good")
    record()
    delete()
    put_back(["-m", "stages.plot", "digits", "others"])
    assert state() == {}


HOLD = """
import os, sys, time
from pathlib import Path
from friendfoe.runtime.outputs import outputs
with outputs(Path("models/a")):
    child = os.fork()  # a worker
    if not child:
        time.sleep(float(sys.argv[1]))
        os._exit(0)
    print("held", flush=True)
    time.sleep(60)
"""


def hold(seconds):
    """A process, and its worker, that make models/a."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = (sys.executable, "-c", HOLD, str(seconds))
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_two_processes_do_not_make_the_same_output(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    process = hold(60)
    try:
        with (
            pytest.raises(UserError, match=rf"models/a is being made by process {process.pid} on .* since \d\d:\d\d:"),
            outputs(Path("models/a")),
        ):
            raise AssertionError("two at once")
        with outputs(Path("models/b")):
            pass
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    with outputs(Path("models/a")):  # who is dead blocks nobody
        pass


def test_a_run_waits_for_the_workers_of_one_that_was_killed():
    process = hold(0.5)
    process.kill()
    process.communicate()
    with outputs(Path("models/a")), outputs(Path("models/b")):
        pass


@pytest.mark.parametrize("path", ["reports/../../x", "/tmp/x"])
def test_outputs_lie_inside_the_project(path):
    with pytest.raises(UserError, match="outputs lie inside the project"), outputs(Path(path)):
        raise AssertionError("the work must not begin")
