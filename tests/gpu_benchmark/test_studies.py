"""Stages side by side: each after what it reads, none takes another with it, and what was not run is said."""

import os
import time
from pathlib import Path

import pytest

from benchmarks.gpu import studies
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.studies import Stage


def making(path, *needs, seconds=0.0):
    def run():
        time.sleep(seconds)
        path.write_text(" ".join(str(need.exists()) for need in needs))

    return Stage(f"study {path.stem}", list(needs), run)


def breaking(name, error):
    def run():
        raise error

    return Stage(f"study {name}", [], run)


@pytest.fixture
def all_run(tmp_path):
    """Runs stages within so many seconds, and gives what is told of each."""

    def run(stages, seconds=60.0, tiny=False):
        told = []
        setting = Setting(tmp_path, tmp_path, tmp_path, tiny, time.monotonic() + seconds)
        studies._run_all("digits", stages, setting, told.append)
        return {row["stage"].removeprefix("study "): row for row in told}

    return run


def test_a_stage_waits_for_what_it_reads_and_for_nothing_else(all_run, tmp_path):
    first, second, alone = tmp_path / "first", tmp_path / "second", tmp_path / "alone"
    told = all_run([making(second, first), making(first, seconds=0.5), making(alone)])
    assert {row["state"] for row in told.values()} == {"ok"}
    assert second.read_text() == "True"
    assert list(told) == ["alone", "first", "second", "all"]
    assert 0.5 <= told["all"]["together"] < 10


def test_what_another_is_writing_is_not_read(all_run, tmp_path):
    model, found = tmp_path / "model", tmp_path / "found"
    model.write_text("old")
    stages = [making(model, seconds=0.3), making(found, model)]
    all_run(stages)
    assert found.stat().st_mtime_ns > model.stat().st_mtime_ns


def test_one_that_fails_takes_with_it_what_reads_it_alone(all_run, tmp_path):
    missing, other = tmp_path / "broken", tmp_path / "other"
    told = all_run([breaking("broken", ValueError("no\nmore")), making(tmp_path / "late", missing), making(other)])
    assert told["broken"]["state"] == "ValueError: no more"
    assert told["late"]["state"] == "left out: what it reads was not made"
    assert told["other"]["state"] == "ok"


def test_a_process_that_dies_is_told(all_run):
    told = all_run([Stage("study dead", [], lambda: os._exit(3))])
    assert told["dead"]["state"] == "its process has ended with 3"


def test_the_end_of_the_time_ends_what_runs(all_run, tmp_path):
    told = all_run([making(tmp_path / "long", seconds=60), making(tmp_path / "after", tmp_path / "long")], seconds=0.5)
    assert told["long"]["state"] == told["after"]["state"] == "left out: the time was up"
    assert told["all"]["together"] < 10
    assert not Path(tmp_path / "long").exists()


def test_in_tiny_they_follow_one_another(all_run, tmp_path):
    stages = [making(tmp_path / name, seconds=0.2) for name in "ab"]
    assert all_run(stages, tiny=True)["all"]["together"] >= 0.4
