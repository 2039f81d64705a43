"""Several processes on an accelerator: a group of one by NCCL, and replicates side by side on one card."""

import os
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from friendfoe.runtime import paths
from tests.studies.workspaces import ROOT
from tests.training.helpers import job

pytestmark = pytest.mark.gpu

IN_A_GROUP = """
import sys, torch
from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.runtime.processes import Processes

device = torch.device(sys.argv[1])
torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", "tcp://127.0.0.1:0", rank=0, world_size=1)
pixels, labels = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8), torch.arange(64) % 2
net = build(CNNConfig(kind="cnn", width=2), (1, 8, 8), 2).to(device)
budget = TrainingConfig(epochs=1, batch=16, optimizer="sgd", learning_rate=0.05)
images = TrainingImages([pixels], labels, 1.0, 0, device)
history = train(net, images, cross_entropy, budget, base_seed=0, processes=Processes(0, 2))
assert 0 < history[-1]["loss"] < 10, history
torch.distributed.destroy_process_group()
"""

SIDE_BY_SIDE = """
import sys
from friendfoe.training.job import Job
from friendfoe.training.model import train_model

train_model(Job.model_validate_json(sys.argv[1]))
"""


def _run(code, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), **environment},  # packages, wherever
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def _without_pretence():
    if os.environ.get("FRIENDFOE_TEST_DEVICE") == "pretended":
        pytest.skip("another process has no pretended card")


def test_a_network_is_trained_in_a_group_of_processes(accelerator):
    _without_pretence()
    _run(IN_A_GROUP, str(accelerator))


def test_replicates_are_the_same_one_after_another_and_side_by_side(digits, accelerator):
    _without_pretence()
    weights = []
    for workers in ("1", "2"):
        name = f"with-{workers}"
        of = job(name=name, draws="shared", training={"epochs": 1, "batch": 20, "learning_rate": 0.05})
        _run(SIDE_BY_SIDE, of.model_dump_json(exclude_none=True), FRIENDFOE_WORKERS=workers)
        folder = paths.model("digits", "study", name)
        weights.append([load_file(paths.replicate(folder, number)) for number in range(2)])
    for one, other in zip(*weights, strict=True):
        for name, tensor in one.items():
            assert (other[name] - tensor).abs().max() < 1e-4, name
    assert any((weights[0][0][name] != tensor).any() for name, tensor in weights[0][1].items())
