"""No test here reaches the network, and sets are prepared from what the test writes."""

from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from friendfoe.data.prepare import prepare
from friendfoe.data.sources.config import SourceConfig
from friendfoe.data.store import Split, load_split


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise URLError("no network")

    monkeypatch.setattr("friendfoe.data.sources.torchvision_sets.urlopen", refuse)


class Preparation:
    """Prepares data sets from a data root, and reads them back."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "raw"
        self.root.mkdir()
        self.prepared = folder / "prepared"

    def __call__(self, name: str = "toy", **source: Any) -> tuple[Split, Split]:
        directory = self.prepared / name
        prepare(SourceConfig.model_validate(source), self.root, directory, name)
        return load_split(directory, "train", verify=True), load_split(directory, "test", verify=True)


@pytest.fixture
def preparation(tmp_path: Path) -> Preparation:
    return Preparation(tmp_path)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
