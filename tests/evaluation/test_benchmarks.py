"""Networks on a published benchmark: errors by hand, and the command."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from friendfoe.console import benchmark
from friendfoe.data.corruptions import CORRUPTIONS
from friendfoe.data.published.images import CorruptedImages
from friendfoe.evaluation.benchmarks import benchmark_errors
from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.weights import Header, save
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError


class Constant(torch.nn.Module):
    """Takes every image for one class."""

    def __init__(self, answer):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.eye(3)[answer])

    def forward(self, images):
        return self.logits.expand(len(images), -1)


def test_errors_by_hand():
    images = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    batches = [
        CorruptedImages("b", "fog", 1, images, torch.tensor([0, 0, 1, 2])),
        CorruptedImages("b", "fog", 1, images[:1], torch.tensor([1])),
        CorruptedImages("b", "snow", 2, images[:2], torch.tensor([1, 2]), allowed=torch.tensor([1, 2])),
    ]
    errors = benchmark_errors({("zero", 0): Constant(0), ("one", 3): Constant(1)}, batches)
    by_condition = errors.set_index(["model", "replicate", "corruption", "severity"])
    assert by_condition.loc[("zero", 0, "fog", 1)].tolist() == [5, 3 / 5]
    assert by_condition.loc[("one", 3, "fog", 1)].tolist() == [5, 3 / 5]
    assert by_condition.loc[("zero", 0, "snow", 2)].tolist() == [2, 1 / 2]  # 0 is not allowed: the first of the others
    assert len(by_condition) == 4


@pytest.fixture
def project(tmp_path):
    """Two models for images of CIFAR-10's size, and a made-up CIFAR-10-C."""
    rng, classes = np.random.default_rng(0), [str(number) for number in range(10)]
    config = CNNConfig(kind="cnn", width=2)
    header = Header(data="0", shape=(3, 32, 32), classes=classes, network=config, seed=0)
    for model, replicates in (("small", 2), ("large", 1)):
        for number in range(replicates):
            path = tmp_path / paths.replicate(paths.model("cifar10", "study", model), number)
            save(build(config, header.shape, 10, seed=number), path, header)
    (tmp_path / "raw/CIFAR-10-C").mkdir(parents=True)
    np.save(tmp_path / "raw/CIFAR-10-C/labels.npy", np.tile(np.arange(10), 5))
    for corruption in CORRUPTIONS:
        images = rng.integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)
        np.save(tmp_path / "raw/CIFAR-10-C" / f"{corruption}.npy", images)
    return tmp_path


@pytest.fixture(autouse=True)
def _inside(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setenv("FRIENDFOE_DATA", str(project / "raw"))
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cpu")


def test_the_command_line(capsys):
    models = ["study/small", "study/large"]
    benchmark("cifar10-c", "cifar10", models, reference="study/small", output=Path("errors.csv"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["model", "replicate", "error", "mce"]
    assert len(lines) == 4
    assert np.mean([float(row.split()[3]) for row in lines[1:3]]) == pytest.approx(100)
    errors = pd.read_csv("errors.csv")
    assert len(errors) == 3 * 15 * 5
    assert set(errors["n"]) == {10}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cifar10-c", "cifar10", ["study/none"], ""), "there is no model 'study/none' of cifar10; .* train it first"),
        (
            ("cifar10-c", "cifar10", ["study/small"], "large"),
            "--reference large: must be one of the models; known: study/small",
        ),
        (("imagenet-a", "cifar10", ["study/small"], ""), "unpack imagenet-a there"),
    ],
)
def test_mistakes_are_one_line(arguments, message):
    with pytest.raises(UserError, match=message):
        benchmark(*arguments)
