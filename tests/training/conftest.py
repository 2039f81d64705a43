"""Images to train on, and a folder with prepared digits."""

from pathlib import Path

import pytest
import torch

from friendfoe.data.prepare import prepare
from friendfoe.data.sources.config import SourceConfig
from friendfoe.runtime import paths
from friendfoe.training.images import TrainingImages
from tests.training.helpers import CPU


@pytest.fixture
def images():
    """Two classes that differ in brightness."""
    labels = torch.arange(100) % 2
    noise = torch.randint(0, 100, (100, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    return TrainingImages([(noise + 100 * labels.view(-1, 1, 1, 1)).to(torch.uint8)], labels, 1.0, 0, CPU)


@pytest.fixture
def often_saved(tmp_path, monkeypatch):
    """Checkpoints are saved whenever they may be, within epochs, too."""
    monkeypatch.setattr(paths, "CHECKPOINTS", tmp_path / "checkpoints")
    monkeypatch.setattr("friendfoe.training.loop.CHECK_EVERY", 4)
    monkeypatch.setenv("FRIENDFOE_CHECKPOINT_SECONDS", "0")


@pytest.fixture
def digits(tmp_path, monkeypatch):
    """A project folder with 60 training and 60 test digits, in one process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cpu")
    monkeypatch.setenv("FRIENDFOE_WORKERS", "1")
    source = SourceConfig.model_validate({"kind": "digits", "limit": 60})
    prepare(source, Path("raw"), paths.prepared("digits"), "digits")
