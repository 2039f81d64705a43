"""The state that torch is in around a call, and the state of the tensors that it is given, change no number."""

from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, pgd
from friendfoe.attacks.pgd import PGDConfig
from friendfoe.evaluation.robust import robustness

from .test_any_model import ATTACKS, InPlace, LeNet


@contextmanager
def default(setter, getter, value):
    before = getter()
    setter(value)
    try:
        yield
    finally:
        setter(before)


STATES = {
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "deterministic": lambda: default(
        torch.use_deterministic_algorithms, torch.are_deterministic_algorithms_enabled, True
    ),
    "default dtype": lambda: default(torch.set_default_dtype, torch.get_default_dtype, torch.float64),
    "default device": lambda: torch.device("meta"),
    "anomaly": torch.autograd.detect_anomaly,
}


def known():
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(64, 5))


def seeded(net):
    torch.manual_seed(1)
    return net().eval()


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("state", STATES)
def test_the_state_of_torch_changes_no_number(state, attack, batch):
    images, labels = batch(count=4, channels=3, classes=5)
    for net in (seeded(known), seeded(LeNet)):
        expected = ATTACKS[attack](net, images, labels)
        with STATES[state]():
            modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
            found = ATTACKS[attack](net, images, labels)
            assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == modes
        assert found.dtype == images.dtype
        assert torch.equal(found, expected)


def expanded(images):
    return images[:1].expand_as(images)


def from_numpy(images):
    return torch.from_numpy(np.ascontiguousarray(images.numpy()[:, :, ::-1]))


TENSORS = {
    "requires grad": lambda images: images.clone().requires_grad_(),
    "not a leaf": lambda images: images.clone().requires_grad_() * 1,
    "channels_last": lambda images: images.contiguous(memory_format=torch.channels_last),
    "transposed": lambda images: images.transpose(2, 3).contiguous().transpose(2, 3),
    "expanded": expanded,
    "cropped": lambda images: nn.functional.pad(images, (1, 1, 1, 1))[:, :, 1:-1, 1:-1],
    "numpy": from_numpy,
    "inference": lambda images: _in_inference_mode(lambda: images.clone()),
}


def _in_inference_mode(make):
    with torch.inference_mode():
        return make()


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("net", [known, LeNet, InPlace])
def test_the_state_of_the_images_changes_no_number(kind, net, batch):
    images, labels = batch(count=4, channels=3, classes=5)
    if kind == "channels_last" and net is LeNet:
        pytest.skip("its view does not take them")
    images, net = TENSORS[kind](images), seeded(net)
    plain = images.detach().clone(memory_format=torch.contiguous_format)
    for name in ("pgd", "fab_t", "jsma", "square"):
        found = ATTACKS[name](net, images, labels)
        assert torch.equal(images, plain)
        assert torch.allclose(found, ATTACKS[name](net, plain, labels), atol=1e-6)
        assert not found.requires_grad


@pytest.mark.parametrize("autocast", [False, True])
def test_weights_and_images_of_inference_mode(batch, autocast):
    images, labels = batch(count=4, channels=3, classes=5)
    with ExitStack() as stack:
        stack.enter_context(torch.autocast("cpu", torch.bfloat16, enabled=autocast))
        expected = pgd(seeded(known), images, labels, threat=Threat("linf", 0.1), steps=2)
        stack.enter_context(torch.inference_mode())
        net = seeded(known)
        net(images)  # what autocast keeps of the weights is of inference mode
        assert torch.equal(pgd(net, images.clone(), labels.clone(), threat=Threat("linf", 0.1), steps=2), expected)
        verdicts = robustness(net, images, labels, {"pgd": PGDConfig(attack="pgd", steps=2)}, eps=0.1, seed=0)
    assert len(verdicts.fallen_to) == 4


def test_weights_of_inference_mode_in_a_network_that_is_not_known_are_named(batch):
    images, labels = batch(count=4, channels=3, classes=5)
    for make in (LeNet, lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(5))):
        net = _in_inference_mode(partial(seeded, make))
        with pytest.raises(ValueError, match=r"model: .* torch.inference_mode"):
            pgd(net, images, labels, threat=Threat("linf", 0.1), steps=2)


def test_images_without_values_are_refused(batch):
    images, labels = batch(count=4, channels=3, classes=5)
    with pytest.raises(ValueError, match="images: are on the device meta"):
        pgd(seeded(known), images.to("meta"), labels, threat=Threat("linf", 0.1), steps=2)


def test_parameters_frozen_or_with_gradients_stay_so(batch):
    images, labels = batch(count=4, channels=3, classes=5)
    for net in (seeded(known), seeded(LeNet)):
        first = next(net.parameters()).requires_grad_(False)
        last = list(net.parameters())[-1]
        last.grad = torch.ones_like(last)
        state = torch.get_rng_state()
        pgd(net, images, labels, threat=Threat("linf", 0.1), steps=2)
        assert not first.requires_grad
        assert [each.requires_grad for each in net.parameters()].count(False) == 1
        assert torch.equal(last.grad, torch.ones_like(last))
        assert torch.equal(torch.get_rng_state(), state)
