"""Two processes under torchrun train the network that one process trains."""

import subprocess
import sys

import pytest
import torch

SCRIPT = """
import sys
import torch
from friendfoe.models.classifier import build
from friendfoe.models.networks.mlp import MLPConfig
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.runtime.processes import join

cpu = torch.device("cpu")
join(cpu).wait()
processes = join(cpu)  # as a stage does that trains several networks
generator = torch.Generator().manual_seed(0)
labels = torch.arange(64) % 2
pixels = (torch.randint(0, 100, (64, 1, 4, 4), generator=generator) + 100 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
network = build(MLPConfig(kind="mlp", hidden=[8]), (1, 4, 4), 2)  # no batch norm: its statistics are each process's own
images = TrainingImages([pixels], labels, 1.0, 0, cpu)
budget = TrainingConfig(epochs=2, batch=16, optimizer="sgd", learning_rate=0.1)
history = train(network, images, cross_entropy, budget, base_seed=0, processes=processes)
if processes.first:
    torch.save({"state": network.state_dict(), "history": history}, sys.argv[1])
"""


@pytest.mark.slow
def test_two_processes_do_what_one_does(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    for name, launcher in {
        "one": [sys.executable],
        "two": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"],
    }.items():
        command = [*launcher, str(tmp_path / "script.py"), str(tmp_path / name)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
    one, two = (torch.load(tmp_path / name) for name in ("one", "two"))
    for name, tensor in one["state"].items():
        torch.testing.assert_close(two["state"][name], tensor, rtol=1e-5, atol=1e-6)
    assert [row["accuracy"] for row in one["history"]] == [row["accuracy"] for row in two["history"]]
