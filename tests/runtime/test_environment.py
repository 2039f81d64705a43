"""Environment settings and seeds."""

from pathlib import Path

import pytest
import torch

from friendfoe import runtime
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.processes import join
from friendfoe.training.checkpoint import Checkpoint


def test_the_data_root(monkeypatch):
    monkeypatch.delenv("FRIENDFOE_DATA", raising=False)
    assert runtime.data_root() == Path("data/raw")
    monkeypatch.setenv("FRIENDFOE_DATA", "~/sets")
    assert runtime.data_root() == Path.home() / "sets"
    monkeypatch.setenv("FRIENDFOE_DATA", "~nobody-of-this-name/sets")
    with pytest.raises(UserError, match="FRIENDFOE_DATA=~nobody-of-this-name/sets: there is no such home folder"):
        runtime.data_root()


@pytest.mark.parametrize("setting", ["", "data/raw", "elsewhere/raw"])
def test_an_experiment_in_a_temporary_copy_finds_what_the_project_has(tmp_path, monkeypatch, setting):
    monkeypatch.setenv("FRIENDFOE_DATA", setting)
    inside, copy = tmp_path / "project/data", tmp_path / "project/.dvc/tmp/exps/tmpabc"
    for folder in (inside, copy):
        folder.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert runtime.data_root() == tmp_path / "project" / (setting or "data/raw")
    assert Checkpoint("key").path.is_relative_to(tmp_path / "project/.friendfoe")
    monkeypatch.chdir(inside)
    assert paths.workspace() == Path()


def test_the_device(monkeypatch):
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cpu")
    assert runtime.device() == torch.device("cpu")
    for name in ("warp", "meta", "hpu", "cuda:²"):
        monkeypatch.setenv("FRIENDFOE_DEVICE", name)
        with pytest.raises(UserError, match=f"FRIENDFOE_DEVICE={name}: no such device here"):
            runtime.device()


@pytest.mark.parametrize("text", ["0", "-1", "many", "", "²", "1.5", "nan", "9" * 5000])
def test_workers_must_be_a_number(monkeypatch, text):
    for name, read in (("FRIENDFOE_WORKERS", runtime.workers), ("WORLD_SIZE", lambda: join(torch.device("cpu")))):
        monkeypatch.setenv(name, text)
        with pytest.raises(UserError, match=f"{name}={text}: must be a whole number, 1 or more; change it"):
            read()


@pytest.mark.parametrize("text", ["-1", "abc", "", "nan"])
def test_seconds_must_be_a_number(monkeypatch, text):
    monkeypatch.setenv("FRIENDFOE_CHECKPOINT_SECONDS", text)
    with pytest.raises(UserError, match=f"FRIENDFOE_CHECKPOINT_SECONDS={text}: must be a number, 0 or more"):
        Checkpoint("k")


def test_seeds_are_fixed_for_all_time_and_differ():
    assert runtime.seed(0, "digits", "clean", 0) == 6994713042857350251
    assert len({runtime.seed(0, "a", r) for r in range(100)}) == 100
    assert runtime.seed("a", "bc") != runtime.seed("ab", "c")
    assert 0 <= runtime.seed() < 2**63
