"""What all tests share."""

import pytest
import torch

from friendfoe.runtime import jobs

# many small networks: a second thread only waits for the first
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded():
    """What a test draws from the global random state is the same in every order of the tests."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    """Settings of the developer's shell do not change what tests show."""
    for name in ("FRIENDFOE_DEVICE", "FRIENDFOE_WORKERS", "FRIENDFOE_CHECKPOINT_SECONDS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_jobs_read(monkeypatch):
    """Stages that earlier tests have called in this process are not those of this test."""
    monkeypatch.setattr(jobs, "_as_read", {})
