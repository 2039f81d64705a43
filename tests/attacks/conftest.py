"""Small models and batches for the tests of attacks."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.pretended_card import pretended

Batch = tuple[Tensor, Tensor]


def _conv_net(seed: int = 0, *, channels: int = 1, classes: int = 4, dtype: torch.dtype = torch.float32) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.Tanh(),
            nn.AdaptiveAvgPool2d(3),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(54, classes),
        )
        for parameter in net.parameters():  # far from a constant function, so that perturbations matter
            nn.init.normal_(parameter, std=0.7)
    return net.to(dtype)


def _linear_net(seed: int = 0, *, pixels: int = 64, classes: int = 2, dtype: torch.dtype = torch.float64) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(pixels, classes)).to(dtype)


def _batch(
    seed: int = 0,
    *,
    count: int = 6,
    channels: int = 1,
    side: int = 8,
    classes: int = 4,
    dtype: torch.dtype = torch.float32,
) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, channels, side, side, generator=generator, dtype=dtype)
    return images, torch.randint(classes, (count,), generator=generator)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads only cost time on models this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where networks and batches lie: on the CPU; "cuda" of the DEVICES of a file of tests is the pretended card."""
    where = getattr(request, "param", "cpu")
    with pretended() if where == "cuda" else nullcontext():
        yield where


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The device as a parameter; hundreds of examples on the pretended card take long."""
    if "device" in metafunc.fixturenames and hasattr(metafunc.module, "DEVICES"):
        devices = metafunc.module.DEVICES
        if getattr(metafunc.function, "is_hypothesis_test", False):
            devices = ["cpu", pytest.param("cuda", marks=pytest.mark.slow)]
        metafunc.parametrize("device", devices, indirect=True)


@pytest.fixture
def conv_net(device: str) -> Callable[..., nn.Module]:
    return lambda *args, **more: _conv_net(*args, **more).to(device)


@pytest.fixture
def linear_net(device: str) -> Callable[..., nn.Module]:
    return lambda *args, **more: _linear_net(*args, **more).to(device)


@pytest.fixture
def batch(device: str) -> Callable[..., Batch]:
    def make(*args: int, **more: Any) -> Batch:
        images, labels = _batch(*args, **more)
        return images.to(device), labels.to(device)

    return make
