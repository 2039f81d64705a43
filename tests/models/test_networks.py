"""Networks fit every image size and say in a few words what they are."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.kinds import kinds

SMALL_MAXOUT = {"kind": "maxout", "units": [5], "pieces": 2}


def network_of(section, shape, classes, **normalisation):
    return build(NetworkConfig.model_validate(section), shape, classes, **normalisation)


@settings(max_examples=30, deadline=None)
@given(
    section=st.one_of(
        st.builds(dict, kind=st.just("cnn"), width=st.integers(1, 8)),
        st.builds(dict, kind=st.just("mlp"), hidden=st.lists(st.integers(1, 20), max_size=2)),
        st.builds(
            dict,
            kind=st.just("maxout"),
            units=st.lists(st.integers(1, 9), min_size=1, max_size=2),
            pieces=st.integers(1, 3),
        ),
        st.builds(dict, kind=st.just("maxout-conv"), width=st.integers(1, 4), pieces=st.integers(1, 3)),
        st.builds(
            dict,
            kind=st.just("convnet"),
            channels=st.lists(st.integers(1, 6), min_size=1, max_size=3),
            dense=st.integers(1, 9),
        ),
        st.just({"kind": "rbf"}),
        st.builds(dict, kind=st.just("ensemble"), members=st.integers(1, 3), of=st.just(SMALL_MAXOUT)),
    ),
    channels=st.sampled_from([1, 2, 3]),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    classes=st.integers(1, 12),
)
def test_own_networks_take_any_image(section, channels, height, width, classes):
    network = network_of(section, (channels, height, width), classes).eval()
    images = torch.rand(2, channels, height, width, requires_grad=True)
    logits = network(images)
    assert logits.shape == (2, classes)
    assert torch.autograd.grad(logits.sum(), images)[0].isfinite().all()


def test_convnet_is_that_of_the_example():
    network = network_of({"kind": "convnet", "channels": [4, 10], "dense": 100}, (1, 28, 28), 10, mean=[0.5], std=[0.2])
    sizes = [tuple(weight.shape) for weight in network.parameters() if weight.dim() > 1]
    assert sizes == [(4, 1, 5, 5), (10, 4, 5, 5), (100, 4 * 4 * 10), (10, 100)]
    assert torch.equal(network[0](torch.full((1, 1, 28, 28), 0.3)), torch.full((1, 1, 28, 28), 0.3))  # pixels as are


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_torchvision_networks_take_small_and_grey_images(name, shape):
    network = network_of({"kind": "torchvision", "name": name}, shape, 4).eval()
    assert network(torch.rand(2, *shape)).shape == (2, 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3",
     "maxvit_t", "mnasnet0_5", "regnet_y_400mf", "resnext50_32x4d", "shufflenet_v2_x0_5", "swin_t", "swin_v2_t",
     "vgg11_bn", "vit_b_16", "wide_resnet50_2"],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 96, 96), (3, 256, 256)])
def test_every_torchvision_family(name, shape):
    network = network_of({"kind": "torchvision", "name": name}, shape, 4).eval()
    with torch.no_grad():
        assert network(torch.rand(1, *shape)).shape == (1, 4)


def test_unknown_torchvision_network_gets_the_nearest_name():
    with pytest.raises(ValueError, match="is no torchvision classifier; did you mean 'resnet18'"):
        network_of({"kind": "torchvision", "name": "resnet81"}, (3, 32, 32), 4)


def test_torchvision_networks_refuse_other_channels():
    with pytest.raises(UserError, match="1 or 3 channels, and these have 4"):
        network_of({"kind": "torchvision", "name": "resnet18"}, (4, 32, 32), 4)


def test_a_network_normalises_its_images():
    network = network_of({"kind": "mlp", "hidden": []}, (2, 1, 1), 2, mean=[0.5, 0.25], std=[0.5, 0.0])
    normalised = network[0](torch.tensor([1.0, 0.75]).view(1, 2, 1, 1))
    assert normalised.flatten().tolist() == [1.0, 0.5]  # a channel that never varies is not scaled


IN_WORDS = {
    "CNN of width 16": {"kind": "cnn", "width": 16},
    "MLP [20, 30]": {"kind": "mlp", "hidden": [20, 30]},
    "resnet18": {"kind": "torchvision", "name": "resnet18"},
    "VGG [16, 32] + [200]": {"kind": "vgg", "channels": [16, 32], "dense": [200]},
    "PreActResNet-18 of width 64": {"kind": "preact_resnet18"},
    "WideResNet-28-10": {"kind": "wide_resnet", "depth": 28, "width": 10},
    "ResNet-18": {"kind": "resnet", "depth": 18},
    "ConvNet [4, 10] + [100]": {"kind": "convnet", "channels": [4, 10], "dense": 100},
    "maxout [64, 64] of 5 pieces": {"kind": "maxout", "units": [64, 64], "pieces": 5},
    "convolutional maxout of width 3 and 2 pieces": {"kind": "maxout-conv", "width": 3, "pieces": 2},
    "RBF": {"kind": "rbf"},
    "logistic regression": {"kind": "logistic"},
    "sigmoid network [30]": {"kind": "saturating", "hidden": [30], "activation": "sigmoid"},
    "resnet10t of timm": {"kind": "timm", "name": "resnet10t"},
    "nets.py:make": {"kind": "import", "object": "nets.py:make"},
    "net.pt2": {"kind": "exported", "file": "net.pt2"},
    "12 × CNN of width 2": {"kind": "ensemble", "members": 12, "of": {"kind": "cnn", "width": 2}},
}


def test_every_network_is_described_in_a_few_words():
    assert {section["kind"] for section in IN_WORDS.values()} == {*kinds(NetworkConfig)}
    for words, section in IN_WORDS.items():
        assert NetworkConfig.model_validate(section).describe() == words


def test_what_networks_have_in_common_needs_no_torch():
    program = "import sys, friendfoe.models.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
