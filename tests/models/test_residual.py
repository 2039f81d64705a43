"""PreActResNet-18 and WideResNet: the sizes that are known of them, and what they do."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig
from friendfoe.models.networks.residual import PreActivation, PreActResNet18Config, WideResNetConfig


def weights(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("config", "known"),
    [
        (PreActResNet18Config(kind="preact_resnet18"), 11_172_170),
        (WideResNetConfig(kind="wide_resnet", depth=28, width=10), 36_479_194),
        (WideResNetConfig(kind="wide_resnet", depth=16, width=1), 175_066),
    ],
)
def test_numbers_of_weights_are_those_of_the_papers_networks(config, known):
    with torch.device("meta"):
        assert weights(build(config, (3, 32, 32), 10)) == known


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (3, 96, 96)])
def test_it_takes_images_of_any_size_and_learns(shape):
    torch.manual_seed(0)
    network = build(WideResNetConfig(kind="wide_resnet", depth=10, width=1), shape, 3)
    images, labels = torch.rand(6, *shape), torch.arange(6) % 3
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    losses = []
    for _ in range(8):
        losses.append(torch.nn.functional.cross_entropy(network(images), labels))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0]
    assert network(images).shape == (6, 3)


def test_a_block_that_keeps_the_size_adds_to_what_it_is_given():
    block = PreActivation(4, 4, 1)
    torch.nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(x), x)
    assert PreActivation(4, 8, 2)(x).shape == (2, 8, 3, 3)


@pytest.mark.parametrize("depth", [4, 27, 12])
def test_a_depth_that_has_no_whole_blocks_is_refused(depth):
    with pytest.raises(ValidationError, match=r"6 n \+ 4"):
        NetworkConfig.model_validate({"kind": "wide_resnet", "depth": depth, "width": 2})


def test_a_narrow_preact_resnet18_has_as_many_layers():
    with torch.device("meta"):
        whole, narrow = (
            build(PreActResNet18Config(kind="preact_resnet18", width=width), (3, 32, 32), 10) for width in (64, 16)
        )
    shapes = [[tuple(p.shape) for p in network.parameters()] for network in (whole, narrow)]
    assert len(shapes[0]) == len(shapes[1])
    assert shapes[1][0] == (16, 3, 3, 3)
    assert weights(narrow) == pytest.approx(weights(whole) / 16, rel=0.02)


STRIDED = """
import torch
from friendfoe.models.networks.residual import PreActResNet18Config
from friendfoe.runtime.memory_format import to_fast_format
network = PreActResNet18Config(kind="preact_resnet18", width=4).build((3, 64, 64), 10)
to_fast_format(network)
assert network.stem.weight.is_contiguous(memory_format=torch.channels_last)
for _ in range(3):
    network(torch.rand(7, 3, 64, 64)).square().sum().backward()
"""


@pytest.mark.slow
def test_narrow_networks_train_without_writing_beyond_their_memory():
    done = subprocess.run([sys.executable, "-c", STRIDED], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("side", [8, 9])
def test_a_stride_takes_the_pixels_of_a_strided_convolution(side):
    block = PreActivation(20, 24, 2).eval()
    x = torch.rand(3, 20, side, side)
    shortcut = F.conv2d(F.relu(block.norm1(x)), block.shortcut.weight, stride=2)
    rest = block.conv2(F.relu(block.norm2(block.conv1(F.relu(block.norm1(x))))))
    assert torch.allclose(block(x), rest + shortcut, atol=1e-6)
