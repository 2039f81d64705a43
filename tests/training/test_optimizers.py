"""The optimisers compute what torch's do, and training does not import the compiler."""

import subprocess
import sys
from copy import deepcopy

import pytest
import torch
from torch import nn, optim

from friendfoe.training.optimizers import eager

TRAINS = """
import sys, torch
from torch import nn
from friendfoe.training.images import TrainingImages
from friendfoe.training.loop import train
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.recipes import Training
pixels = torch.zeros(8, 1, 4, 4, dtype=torch.uint8)
images = TrainingImages([pixels], torch.arange(8) % 2, 1.0, 0, torch.device("cpu"))
recipe = Training(epochs=2, batch=4, optimizer=sys.argv[1], learning_rate=0.1)
train(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), images, cross_entropy, recipe, base_seed=0)
print("torch._dynamo" in sys.modules)
"""


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(optim.SGD, {"momentum": 0.9, "nesterov": True}), (optim.AdamW, {"fused": True})],
    ids=["sgd", "adamw"],
)
def test_same_bits_as_torch_and_states_can_be_exchanged(kind, settings):
    x = torch.rand(16, 5)

    def steps(network, optimizer, count):
        for _ in range(count):
            optimizer.zero_grad()
            network(x).square().mean().backward()
            optimizer.step()

    def start(kind):
        torch.manual_seed(0)
        network = nn.Linear(5, 3)
        return network, kind([{"params": [network.weight], "weight_decay": 0.1}], lr=0.1, **settings)

    theirs, ours = start(kind), start(eager(kind))
    steps(*theirs, 5)
    steps(*ours, 5)
    torch.testing.assert_close(ours[0].weight, theirs[0].weight, rtol=0, atol=0)

    ours[1].load_state_dict(deepcopy(theirs[1].state_dict()))
    steps(*theirs, 5)
    steps(*ours, 5)
    torch.testing.assert_close(ours[0].weight, theirs[0].weight, rtol=0, atol=0)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_training_does_not_import_the_compiler(optimizer):
    result = subprocess.run([sys.executable, "-c", TRAINS, optimizer], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
