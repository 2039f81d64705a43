"""Training steps with compiled blocks do what they do without."""

import copy

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from benchmarks.gpu.throughput import compiled_blocks
from friendfoe.models.networks.residual import PreActivation
from friendfoe.runtime.memory_format import in_any_format
from friendfoe.training.job import InnerAttack
from friendfoe.training.methods.adversarial_training import AdversarialTrainingConfig, RobustObjective
from friendfoe.training.objectives import TrainingBatch


def gradients(network, precision):
    """Of a step of PGD-AT, the loss and the gradient of all weights, as one tensor."""
    method = AdversarialTrainingConfig(method="adversarial-training", objective="pgd-at")
    batch = TrainingBatch(torch.rand(4, 3, 8, 8), torch.arange(4), torch.arange(4), 0)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        loss, _ = RobustObjective(method, 0.03, InnerAttack(steps=1), 1)(network.train(), batch)
    torch.autograd.backward(loss)
    return torch.cat([loss.detach().view(1), *(weights.grad.flatten() for weights in network.parameters())])


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("bfloat16", 3e-2)])
def test_compiled_blocks_give_the_gradient_of_plain_ones(precision, tolerance):
    network = nn.Sequential(PreActivation(3, 4, 2), nn.Flatten(), nn.Linear(64, 4))
    compiled = copy.deepcopy(network)
    torch.manual_seed(1)
    expected = gradients(network, precision)
    counters.clear()
    with compiled_blocks("inductor"):
        torch.manual_seed(1)
        found = gradients(compiled, precision)
        assert in_any_format(compiled)  # its steps are still repeated as graphs
    assert counters["stats"]["unique_graphs"] >= 2  # of training, and of the attack
    assert (found - expected).abs().max() < tolerance * expected.abs().max()
