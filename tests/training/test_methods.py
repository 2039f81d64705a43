"""Methods of training: binary losses, ensembles, networks that they refuse; a new one is one new file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from friendfoe.models.classifier import build
from friendfoe.models.networks.ensemble import EnsembleConfig
from friendfoe.models.networks.maxout import MaxoutConfig
from friendfoe.models.networks.mlp import MLPConfig
from friendfoe.models.weights import read_header
from friendfoe.runtime import paths
from friendfoe.runtime.kinds import kinds
from friendfoe.training.job import MethodConfig
from friendfoe.training.methods.binary import binary
from friendfoe.training.methods.ensemble import side_by_side
from friendfoe.training.objectives import TrainingBatch
from tests.training.helpers import job

ROOT = Path(__file__).parents[2]
SHAPE = (1, 8, 8)


def batch_of(count=6):
    images = torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(4))
    return TrainingBatch(images, torch.arange(count) % 2, torch.arange(count), seed=9)


def test_the_binary_loss_is_a_cross_entropy_per_class():
    sigmoids = MaxoutConfig(kind="maxout", units=[6], pieces=2, output="sigmoids")
    network, batch = build(sigmoids, SHAPE, 2, seed=3).eval(), batch_of()
    loss, logits = binary(network, batch)
    p = logits.double().sigmoid()
    true = p.gather(1, batch.labels.unsqueeze(1)).log().sum()
    others = (1 - p).log().sum() - (1 - p).gather(1, batch.labels.unsqueeze(1)).log().sum()
    assert loss.item() == pytest.approx(-(true + others).item() / len(p), rel=1e-5)


def test_members_are_trained_as_if_alone():
    config = EnsembleConfig(kind="ensemble", members=3, of=MLPConfig(kind="mlp", hidden=[]))
    network, batch = build(config, SHAPE, 2, seed=3), batch_of()
    loss, logits = side_by_side(network, batch)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    by_member = zip(gradients[::2], gradients[1::2], strict=True)
    for member, (weight, bias) in zip(network[1].members, by_member, strict=True):
        alone = torch.autograd.grad(F.cross_entropy(member(batch.images), batch.labels), list(member.parameters()))
        assert torch.allclose(weight, alone[0])
        assert torch.allclose(bias, alone[1])
    assert logits.shape == (6, 2)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("binary", "method 'binary' needs a network with a probability per class .*, and CNN of width 2 is none"),
        ("ensemble", "method 'ensemble' needs an ensemble, not CNN of width 2"),
    ],
)
def test_a_method_refuses_a_network_of_another_kind(method, message):
    wrong = job(method={"method": method})
    with pytest.raises(ValueError, match=message):
        wrong.method.check(wrong, {})


def test_every_method_has_a_name_and_says_what_it_is():
    methods = kinds(MethodConfig)
    assert {"standard", "mixed-adversarial", "adversarial-training", "advprop", "teacher", "distilled"} < {*methods}
    assert all(method.__doc__ for method in methods.values())


LAZY = '''
"""Training that looks at a part of each batch."""

from typing import Literal

import torch.nn.functional as F

from friendfoe.training.job import MethodConfig


class LazyConfig(MethodConfig):
    """Cross-entropy on the first images of each batch."""

    method: Literal["lazy"]
    images: int = 4

    def build_objective(self, job, replicate):
        """The loss."""

        def loss(network, batch):
            logits = network(batch.images)
            return F.cross_entropy(logits[: self.images], batch.labels[: self.images]), logits

        return loss
'''

TRAINS = '''
"""Adds a folder to the methods, and trains a model by what is found there."""

import json, sys
from pathlib import Path
from friendfoe.data.prepare import prepare
from friendfoe.data.sources.config import SourceConfig
from friendfoe.runtime import paths
from friendfoe.training import methods
from friendfoe.training.job import Job, MethodConfig
from friendfoe.training.model import train_model

methods.__path__.append(sys.argv[1])
prepare(SourceConfig.model_validate({"kind": "digits", "limit": 60}), Path("raw"), paths.prepared("digits"), "digits")
assert type(MethodConfig.model_validate({"method": "lazy"})).__name__ == "LazyConfig"
train_model(Job.model_validate(json.loads(sys.argv[2])))
'''


def test_a_new_method_is_one_new_file(tmp_path):
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods/lazy.py").write_text(LAZY)
    section = {**job().model_dump(mode="json", exclude_none=True), "method": {"method": "lazy", "images": 3}}
    command = [sys.executable, "-c", TRAINS, str(tmp_path / "methods"), json.dumps(section)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FRIENDFOE_DEVICE": "cpu"}
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert run.returncode == 0, run.stderr
    for number in range(2):
        header = read_header(tmp_path / paths.replicate(paths.model("digits", "study", "model"), number))
        assert header.job["method"] == {"method": "lazy", "images": 3}
