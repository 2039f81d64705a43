"""The assistive study on a few digits with tiny networks, run once through its stages."""

import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from friendfoe import params
from stages import analyse, evaluate, perturb, plot, prepare, report, train

SMALL = {
    "source": {"kind": "digits", "limit": 60},
    "replicates": 2,
    "network": {"kind": "mlp", "hidden": [8]},
    "training": {"epochs": 2, "batch": 16, "optimizer": "sgd", "learning_rate": 0.1},
}
PATCH = {"eps": 1.0, "steps": 2, "areas": [0.1, 0.4], "grid": 2, "images": 12}


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """A folder in which everything up to the report has been made for `digits`."""
    yaml = YAML()
    content = yaml.load(params.FILE)
    content["data"]["digits"] |= SMALL
    content["studies"]["assistive"]["patch"] = PATCH
    path: Path = tmp_path_factory.mktemp("workspace")
    yaml.dump(content, path / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("FRIENDFOE_WORKERS", "1")
        everything(content)
    return path


def everything(content):
    prepare.main("digits")
    for model in content["stages"]["base"]:
        train.main("digits", model)
    for name in content["stages"]["perturb"]:
        perturb.main("digits", name)
    for model in content["stages"]["augmented"]:
        train.main("digits", model)
    for model in content["studies"]["assistive"]["models"]:
        evaluate.main("assistive", "digits", model)
    analyse.main("assistive", "digits")
    plot.main("assistive", "digits")
    report.main("digits")


@pytest.fixture
def inside(workspace, monkeypatch):
    """The finished workspace as the current folder; what is changed there must be put back."""
    monkeypatch.chdir(workspace)
    assert os.environ.get("FRIENDFOE_WORKERS") is None
    monkeypatch.setenv("FRIENDFOE_WORKERS", "1")
    return workspace
