"""Optimisers, schedules and limits on weights: what torch's do, and what their sources say."""

import subprocess
import sys
from copy import deepcopy
from itertools import pairwise

import pytest
import torch
from torch import nn, optim

from friendfoe.models.classifier import build
from friendfoe.models.networks.maxout import MaxoutConfig
from friendfoe.training import loop
from friendfoe.training.job import TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.optimization import eager
from tests.training.helpers import network

BUDGET = TrainingConfig(epochs=2, batch=16, optimizer="sgd", learning_rate=0.05)

TRAINS = """
import sys, torch
from torch import nn
from friendfoe.training.images import TrainingImages
from friendfoe.training.job import TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.standard import cross_entropy
pixels = torch.zeros(8, 1, 4, 4, dtype=torch.uint8)
images = TrainingImages([pixels], torch.arange(8) % 2, 1.0, 0, torch.device("cpu"))
for optimizer in ("sgd", "adam", "adamw"):
    budget = TrainingConfig(epochs=2, batch=4, optimizer=optimizer, learning_rate=0.1)
    train(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), images, cross_entropy, budget, base_seed=0)
    print(optimizer, [name for name in ("torch._dynamo", "torchvision") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (optim.SGD, {"momentum": 0.9, "nesterov": True}),
        (optim.Adam, {"fused": True}),
        (optim.AdamW, {"fused": True}),
    ],
    ids=["sgd", "adam", "adamw"],
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

    (network, optimizer), (reference, reference_optimizer) = start(eager(kind)), start(kind)
    steps(reference, reference_optimizer, 5)
    steps(network, optimizer, 5)
    torch.testing.assert_close(network.weight, reference.weight, rtol=0, atol=0)

    optimizer.load_state_dict(deepcopy(reference_optimizer.state_dict()))
    steps(reference, reference_optimizer, 5)
    steps(network, optimizer, 5)
    torch.testing.assert_close(network.weight, reference.weight, rtol=0, atol=0)


def test_training_imports_neither_the_compiler_nor_what_strong_augmentation_needs():
    result = subprocess.run([sys.executable, "-c", TRAINS], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["sgd []", "adam []", "adamw []"]


def maxout():
    return build(MaxoutConfig(kind="maxout", units=[6], pieces=2), (1, 8, 8), 2, seed=3)


def linear_weights(net):
    return [module.weight for module in net.modules() if isinstance(module, nn.Linear)]


def test_halving_halves_after_every_fifth_of_the_steps(images, monkeypatch):
    rates, optimizers = [], []

    def make(*arguments):
        optimizers.append(make_optimizer(*arguments))
        return optimizers[0]

    def watch(net, batch):
        rates.append(optimizers[0].param_groups[0]["lr"])
        return cross_entropy(net, batch)

    make_optimizer = loop.make_optimizer
    monkeypatch.setattr(loop, "make_optimizer", make)
    budget = TrainingConfig(epochs=5, batch=16, optimizer="sgd", learning_rate=0.8, schedule="halving")
    train(network(), images, watch, budget, base_seed=0)
    assert rates == [0.8 / 2**epoch for epoch in range(5) for _ in range(6)]


def test_weights_stay_within_their_limit(images):
    net = maxout()
    train(net, images, cross_entropy, BUDGET.model_copy(update={"max_norm": 0.05}), base_seed=0)
    lengths = [weight.norm(dim=1) for weight in linear_weights(net)]
    assert all((length <= 0.05 + 1e-6).all() for length in lengths)
    assert any((length > 0.04).any() for length in lengths)


def test_weight_decay_in_l1_is_for_the_first_layer(images):
    first, last = {}, {}
    for decay in (None, 0.05):
        net = maxout()
        budget = BUDGET.model_copy(update={"first_layer_l1": decay, "epochs": 4})
        train(net, images, cross_entropy, budget, base_seed=0)
        first[decay], *_, last[decay] = (weight.abs().mean().item() for weight in linear_weights(net))
    assert first[0.05] < 0.5 * first[None]
    assert last[0.05] > 0.5 * last[None]


def test_a_step_of_weight_decay_in_l1_is_its_formula(images):
    def constant(net, batch):
        return linear_weights(net)[0].sum() * 0.0, net(batch.images)

    budget = BUDGET.model_copy(update={"epochs": 1, "batch": 100, "momentum": 0.0, "first_layer_l1": 0.1})
    net = maxout().eval()
    before = linear_weights(net)[0].detach().clone()
    schedule = optim.lr_scheduler.OneCycleLR(
        optim.SGD(maxout().parameters(), lr=0.05), max_lr=0.05, total_steps=2, cycle_momentum=False
    )
    (rate,) = {*schedule.get_last_lr()}
    train(net, images, constant, budget, base_seed=0)
    assert torch.allclose(linear_weights(net)[0], before - rate * 0.1 * before.sign(), atol=1e-7)


def test_training_may_end_in_the_middle_of_its_schedule(images):
    budget = BUDGET.model_copy(update={"epochs": 4})
    history = train(maxout(), images, cross_entropy, budget, base_seed=0)
    assert train(maxout(), images, cross_entropy, budget, base_seed=0, epochs=2) == history[:2]


def test_weight_decay_in_l1_waits_for_its_share_of_the_steps(images):
    budget = BUDGET.model_copy(update={"epochs": 2, "momentum": 0.0, "schedule": "constant", "first_layer_l1": 1e-4})
    sums = []

    def watch(net, batch):
        first = linear_weights(net)[0]
        sums.append(first.detach().abs().sum().item())
        return first.sum() * 0.0, net(batch.images)

    train(maxout().eval(), images, watch, budget.model_copy(update={"first_layer_l1_from": 0.5}), base_seed=0)
    half = len(sums) // 2
    assert len(set(sums[: half + 1])) == 1
    assert all(before > after for before, after in pairwise(sums[half:]))
