"""Environment settings and seeds."""

from pathlib import Path

import pytest
import torch

from friendfoe import runtime
from friendfoe.runtime.errors import UserError


def test_the_data_root(monkeypatch):
    monkeypatch.delenv("FRIENDFOE_DATA", raising=False)
    assert runtime.data_root() == Path("data/raw")
    monkeypatch.setenv("FRIENDFOE_DATA", "~/sets")
    assert runtime.data_root() == Path.home() / "sets"


def test_the_device(monkeypatch):
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cpu")
    assert runtime.device() == torch.device("cpu")
    monkeypatch.setenv("FRIENDFOE_DEVICE", "warp")
    with pytest.raises(UserError, match="FRIENDFOE_DEVICE=warp: no such device here"):
        runtime.device()


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_workers_must_be_a_number(monkeypatch, text):
    monkeypatch.setenv("FRIENDFOE_WORKERS", text)
    with pytest.raises(UserError, match="must be a whole number, 1 or more"):
        runtime.workers()


def test_seeds_are_fixed_for_all_time_and_differ():
    assert runtime.seed(0, "digits", "clean", 0) == 6994713042857350251
    assert len({runtime.seed(0, "a", r) for r in range(100)}) == 100
    assert runtime.seed("a", "bc") != runtime.seed("ab", "c")
    assert 0 <= runtime.seed() < 2**63
