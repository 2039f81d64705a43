"""What all tests share."""

import gc
from functools import cache

import pytest
import torch
from hypothesis import settings

from friendfoe.plan import fingerprints
from friendfoe.runtime import jobs

# many small networks: a second thread only waits for the first
torch.set_num_threads(1)

# the first call of a library, and a machine that others use, take longer than an example usually does
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")


def pytest_collection_modifyitems(items):
    """Those on the pretended card come last: a process that has used a card cannot fork others that differentiate."""

    def on_card(item):
        chosen = getattr(item, "callspec", None)
        return "pretended_card" in item.path.parts or (chosen and chosen.params.get("device") == "cuda")

    items.sort(key=lambda item: bool(on_card(item)))


def pytest_collection_finish():
    """What has been imported and collected stays: looking for garbage among it would cost more than many a test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _parsed_once():
    """Copies of the code differ in a file or none: what the others hold is known by their bytes."""

    def by_content(function):
        known = {}

        @cache
        def of(path):
            content = (path.suffix, path.read_bytes())
            if content not in known:
                known[content] = function(path)
            return known[content]

        return of

    with pytest.MonkeyPatch.context() as patch:
        for name in ("_digest", "imported"):
            patch.setattr(fingerprints, name, by_content(getattr(fingerprints, name)))
        yield


@pytest.fixture(autouse=True)
def _seeded():
    """What a test draws from the global random state is the same in every order of the tests."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    """Settings of the developer's shell, and a GPU where there is one, do not change what tests show."""
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cpu")
    for name in ("FRIENDFOE_WORKERS", "FRIENDFOE_PROCESSES", "FRIENDFOE_CHECKPOINT_SECONDS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_jobs_read(monkeypatch):
    """Stages that earlier tests have called in this process are not those of this test."""
    monkeypatch.setattr(jobs, "_as_read", {})
