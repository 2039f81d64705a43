"""Sections on a GPU: each in its time, none takes another with it, and what was measured stays however the run ends."""

import importlib
import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import benchmarks.gpu
from benchmarks.gpu import record, workspace
from benchmarks.gpu import run as runner
from benchmarks.gpu.__main__ import SECTIONS
from benchmarks.gpu.run import Section, run
from benchmarks.gpu.setting import Setting

ROOT = Path(__file__).parents[2]


def fine(setting, tell):
    tell({"what": "one", "value": 1})
    tell({"what": "two", "value": 2.5})


def broken(setting, tell):
    tell({"what": "one", "value": 1})
    raise RuntimeError("no kernel image\nis available")


def endless(setting, tell):
    tell({"what": "seconds left", "value": setting.left})
    time.sleep(60)


def crashing(setting, tell):
    tell({"what": "one", "value": 1})
    os._exit(3)


def leaving_a_child(setting, tell):
    tell({"what": "child", "value": subprocess.Popen(["sleep", "60"]).pid})
    time.sleep(60)


def sections(*measures, seconds=0.0):
    return [Section(measure.__name__, measure.__name__, seconds, measure) for measure in measures]


@pytest.fixture
def setting(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "_GRACE", 0.1)
    monkeypatch.setattr(runner, "_asked", lambda question: question())
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cpu")
    (tmp_path / "out").mkdir()
    return Setting(tmp_path, tmp_path, tmp_path / "out")


def test_what_is_told_stands_in_the_file_of_the_section(setting):
    (of,) = run(sections(fine), setting, 60, commit="abc")
    assert of == record.read(setting.out, "fine")
    assert (of.state, of.rows[1]) == ("done", {"what": "two", "value": 2.5})
    assert (of.origin["commit"], of.origin["gpu"]) == ("abc", None)


def test_a_section_that_fails_is_recorded_and_the_next_goes_on(setting):
    failed, crashed, done = run(sections(broken, crashing, fine), setting, 60)
    assert (failed.state, failed.why) == ("failed", "RuntimeError: no kernel image is available")
    assert (crashed.state, crashed.why) == ("failed", "its process has ended with 3")
    assert failed.rows == crashed.rows == [{"what": "one", "value": 1}]
    assert done.state == "done"


def test_a_section_without_enough_time_is_skipped_and_a_later_one_that_fits_is_not(setting):
    long, short = sections(endless, seconds=100)[0], sections(fine, seconds=5)[0]
    skipped, done = run([long, short], setting, 50)
    assert skipped.state == "skipped"
    assert re.fullmatch(r"(49|50) s were left, and it needs 100", skipped.why)
    assert done.state == "done"


def test_a_section_is_cut_off_where_the_time_of_the_next_begins(setting, monkeypatch):
    monkeypatch.setattr(runner, "_GRACE", 1.0)  # within which the first one ends, and the second begins
    cut, done = run([*sections(endless, seconds=1.2), *sections(fine, seconds=3)], setting, 4.4)
    assert (cut.state, cut.why) == ("cut off", "its time was up")
    assert cut.rows[0]["value"] <= 0.4
    assert done.state == "done"


def test_what_a_section_has_started_ends_with_it(setting):
    (cut,) = run(sections(leaving_a_child), setting, 1.2)
    child = Path(f"/proc/{cut.rows[0]['value']}/stat")
    assert not child.exists() or child.read_text().split()[2] == "Z"


SCRIPT = """
import sys
from pathlib import Path
from benchmarks.gpu.run import Interrupted, run
from benchmarks.gpu.setting import Setting
from tests.gpu_benchmark.test_run import endless, fine, sections

try:
    run(sections(endless, fine), Setting(Path(), Path(), Path(sys.argv[1])), 60)
except Interrupted as interrupted:
    sys.exit(interrupted.status)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_lost_when_the_run_is_ended_at_any_moment(tmp_path, number):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FRIENDFOE_DEVICE": "cpu"}
    file = tmp_path / "endless.json"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, tmp_path],
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where tests run in the background
    )
    while not file.exists() or not json.loads(file.read_text())["rows"]:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(20) == (-number if number == signal.SIGKILL else 128 + number)
    of = record.read(tmp_path, "endless")
    assert of.state == ("running" if number == signal.SIGKILL else "cut off")
    assert len(of.rows) == 1
    assert record.read(tmp_path, "fine") is None


def test_all_sections_fit_into_the_usual_time_and_their_files_into_what_comes_back():
    assert sum(section.seconds for section in SECTIONS) <= 480
    assert len(SECTIONS) + 1 <= 8


def test_data_that_is_not_there_is_said_by_the_section_that_needs_it(setting, monkeypatch):
    monkeypatch.setenv("FRIENDFOE_DATA", str(setting.data))
    monkeypatch.chdir(setting.work)

    def needing(setting, tell):
        workspace.images_of("cifar10", "test")

    (of,) = run(sections(needing), setting, 60)
    assert of.state == "failed"
    assert "holds neither cifar-10-batches-py nor cifar10.npz; name the folder that does by --data" in of.why


@pytest.mark.slow
def test_without_a_gpu_it_says_so(tmp_path):
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", tmp_path]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "error: there is no GPU here; --tiny runs all of it on the CPU\n")


@pytest.mark.slow
def test_all_of_it_runs_on_the_cpu(tmp_path):
    """Every section is reached and ends; of the tests of an accelerator one, the others have a test of their own."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--seconds", "1800", "--out", out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    records = {section.name: record.read(out, section.name) for section in SECTIONS}
    assert {name: of.state for name, of in records.items()} == dict.fromkeys(records, "done")
    assert all(of.rows for of in records.values())
    assert {row["state"] for row in records["studies"].rows} == {"ok"}
    assert {row["data"] for row in records["studies"].rows} == {"digits", "fashion_mnist"}
    states = {str(row.get("state", "")) for row in records["attacks"].rows}
    assert all(state == "" or state.endswith("is not installed") for state in states), states
    assert (out / "gpu.md").read_text() in done.stdout


@pytest.mark.slow
def test_the_tests_of_an_accelerator_pass_on_the_cpu():
    command = [sys.executable, "-m", "pytest", "tests/gpu", "-m", "gpu", "-q", "-n", "0", "-p", "no:cacheprovider"]
    environment = {**os.environ, "FRIENDFOE_TEST_DEVICE": "cpu"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "needs a GPU" in done.stdout


def test_every_module_can_be_imported():
    """Type checks do not see them, and on a card it would be too late."""
    for module in pkgutil.iter_modules(benchmarks.gpu.__path__):
        if module.name != "__main__":
            importlib.import_module(f"benchmarks.gpu.{module.name}")
