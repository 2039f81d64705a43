"""What all tests share."""

import os

import pytest

# many small networks: a second thread only waits for the first
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    """Settings of the developer's shell do not change what tests show."""
    for name in ("FRIENDFOE_DEVICE", "FRIENDFOE_WORKERS", "FRIENDFOE_CHECKPOINT_SECONDS"):
        monkeypatch.delenv(name, raising=False)
