"""The device under test: a GPU, or what `FRIENDFOE_TEST_DEVICE` names.

With `cpu` all cases run there, which shows that they are in order; with `pretended` on the card of tests/pretended_card.
"""

import os
from contextlib import nullcontext
from importlib import import_module

import pytest
import torch

from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from tests.training.conftest import digits, images, often_saved  # noqa: F401 (fixtures of these tests, too)

CPU = torch.device("cpu")
CLASSES = 4


@pytest.fixture
def accelerator(monkeypatch):
    """The device, which stages and training use, too; a test is skipped where there is none."""
    name = os.environ.get("FRIENDFOE_TEST_DEVICE", "cuda")
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    device = "cuda" if name == "pretended" else name
    monkeypatch.setenv("FRIENDFOE_DEVICE", device)
    with import_module("tests.pretended_card").pretended() if name == "pretended" else nullcontext():
        yield torch.device(device)


@pytest.fixture
def real():
    """Whether the device is a GPU that exists."""
    return "FRIENDFOE_TEST_DEVICE" not in os.environ


@pytest.fixture
def card(accelerator, real):
    """The same for what only a real kernel, or another process, can show."""
    if not real:
        pytest.skip("needs a GPU")
    return accelerator


@pytest.fixture
def network():
    """Makes a small convolutional network in eval mode, far from a constant function: (dtype, channels) -> network."""

    def make(dtype=torch.float32, channels=1):
        net = build(CNNConfig(kind="cnn", width=4), (channels, 8, 8), CLASSES, seed=1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            for parameter in net.parameters():
                torch.nn.init.normal_(parameter, std=0.7)
        return net.to(dtype).eval()

    return make


@pytest.fixture
def batch():
    """Makes images and labels on the CPU: (count, dtype, channels, side) -> both."""

    def make(count=12, dtype=torch.float32, channels=1, side=8):
        generator = torch.Generator().manual_seed(3)
        pixels = torch.rand(count, channels, side, side, generator=generator, dtype=dtype)
        return pixels, torch.randint(CLASSES, (count,), generator=generator)

    return make
