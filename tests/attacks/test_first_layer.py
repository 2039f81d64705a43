"""The faster gradient of a first convolution is the gradient, and nothing else changes."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch.func import grad

from friendfoe.attacks.first_layer import FastFirstLayer, _Convolution

SETTINGS = [
    {},
    {"padding": 1},
    {"padding": (2, 0), "stride": (1, 3), "dilation": 2},
    {"stride": 2, "padding": 1, "bias": torch.randn(5, dtype=torch.float64)},
]
OTHERS = [{"padding": "same"}, {"groups": 3}]


def case(channels, **settings):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, channels, 13, 11, generator=generator, dtype=torch.float64)
    shape = (6 if "groups" in settings else 5, channels // settings.get("groups", 1), 5, 3)
    return images.requires_grad_(), torch.randn(shape, generator=generator, dtype=torch.float64)


def slope(convolved, images):
    return torch.autograd.grad(convolved.sin().sum(), images)[0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("settings", SETTINGS)
def test_the_gradient_is_autograds(channels, settings):
    images, weight = case(channels)
    expected = F.conv2d(images, weight, **settings)
    with FastFirstLayer():
        convolved = F.conv2d(images, weight, **settings)
    assert type(convolved.grad_fn).__name__ == f"{_Convolution.__name__}Backward"
    assert torch.equal(convolved, expected)
    assert torch.allclose(slope(convolved, images), slope(expected, images), atol=1e-12)


@pytest.mark.parametrize("settings", OTHERS)
def test_other_convolutions_are_left_alone(settings):
    images, weight = case(3, **settings)
    with FastFirstLayer():
        convolved = F.conv2d(images, weight, **settings)
    assert type(convolved.grad_fn).__name__ == "ConvolutionBackward0"
    assert torch.equal(convolved, F.conv2d(images, weight, **settings))


def test_later_convolutions_are_left_alone():
    images, weight = case(3)
    with FastFirstLayer():
        first = F.conv2d(images * 2 - 1, weight[:3])
        later = F.conv2d(F.max_pool2d(first.tanh(), 2), weight[:, :, :2, :2])
        beside = F.conv2d(images.expand(4, 3, 13, 11), weight)
    names = [type(features.grad_fn).__name__ for features in (first, later, beside)]
    assert names == ["_ConvolutionBackward", "ConvolutionBackward0", "_ConvolutionBackward"]


def test_weights_that_need_a_gradient_get_it():
    images, weight = case(1)
    with FastFirstLayer():
        F.conv2d(images, weight.requires_grad_()).sum().backward()
    assert weight.grad is not None


def loss(images, weight):
    return F.conv2d(images, weight).sin().sum()


def test_it_can_be_differentiated_twice():
    images, weight = case(3)
    second = []
    for context in (FastFirstLayer(), nullcontext()):
        with context:
            (first,) = torch.autograd.grad(loss(images, weight), images, create_graph=True)
            second += torch.autograd.grad(first.sum(), images)
    assert torch.allclose(*second, atol=1e-12)


@pytest.mark.slow  # torch.func imports much
def test_it_can_be_transformed():
    images, weight = case(3)
    expected = grad(loss)(images.detach(), weight)
    with FastFirstLayer():
        assert torch.allclose(grad(loss)(images.detach(), weight), expected, atol=1e-12)
