"""What the white box does to be fast does not show, neither in its answers nor in the model."""

import importlib

import pytest
import torch
from torch import nn

from friendfoe.attacks import Threat, apgd, log_odds, pgd
from friendfoe.attacks.white_box import chunk, white_box
from friendfoe.evaluation.robust import PassCounter
from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.networks.ensemble import EnsembleConfig
from friendfoe.models.networks.maxout import ConvolutionalMaxoutConfig
from friendfoe.models.networks.residual import PreActResNet18Config
from friendfoe.models.networks.torchvision import ResNetConfig, TorchvisionConfig
from friendfoe.models.networks.vgg import VGGConfig
from friendfoe.runtime.memory_format import in_any_format

MODULE = importlib.import_module("friendfoe.attacks.white_box")


@pytest.mark.parametrize("channels", [1, 3])
def test_answers_are_those_of_the_model(conv_net, batch, channels):
    net = conv_net(channels=channels, dtype=torch.float64).train()
    images, labels = batch(count=40, channels=channels, side=80, dtype=torch.float64)
    assert chunk(images) < 40
    with white_box(net, labels=labels) as box:
        logits, values, gradient = box.gradient(images, labels, log_odds)
        assert torch.equal(box.logits(images), logits)
    net.eval()
    leaf = images.clone().requires_grad_()
    expected = net(leaf)
    (slope,) = torch.autograd.grad(log_odds(expected, labels).sum(), leaf)
    assert torch.allclose(logits, expected, atol=1e-10)
    assert torch.allclose(values, log_odds(expected, labels), atol=1e-10)
    assert torch.allclose(gradient, slope, atol=1e-10)
    assert gradient.shape == images.shape


def test_the_models_memory_format_is_its_own(conv_net, batch, monkeypatch):
    net = conv_net(channels=3)
    images, labels = batch(channels=3)
    before = [(parameter.data_ptr(), parameter.stride()) for parameter in net.parameters()]
    seen, forward = [], nn.Conv2d.forward
    monkeypatch.setattr(nn.Conv2d, "forward", lambda *args: (seen.append(args[0].weight.stride()), forward(*args))[1])
    with white_box(net, labels=labels) as box:
        box.gradient(images, labels, log_odds)
    assert seen == [(27, 1, 9, 3)]  # channels last
    assert [(parameter.data_ptr(), parameter.stride()) for parameter in net.parameters()] == before
    assert all(parameter.grad is None for parameter in net.parameters())


KNOWN = [
    CNNConfig(kind="cnn", width=4),
    EnsembleConfig(kind="ensemble", members=2, of=CNNConfig(kind="cnn", width=4)),
    ResNetConfig(kind="resnet", depth=18),
    PreActResNet18Config(kind="preact_resnet18", width=4),
    VGGConfig(kind="vgg", channels=[4], dense=[]),
    ConvolutionalMaxoutConfig(kind="maxout-conv", width=4, pieces=2),
    TorchvisionConfig(kind="torchvision", name="mobilenet_v3_small"),
]


@pytest.mark.parametrize("config", KNOWN, ids=lambda config: config.kind)
def test_the_projects_networks_are_known_and_taken_the_fast_way(config):
    network = build(config, (3, 8, 8), 3)
    assert in_any_format(network)
    assert in_any_format(PassCounter(network))


def test_what_is_not_known_is_not():
    assert not in_any_format(PassCounter(lambda images: images))
    assert not in_any_format(nn.Sequential(nn.Conv2d(4, 8, 1, 2)))  # oneDNN writes beyond its memory
    assert not in_any_format(nn.Sequential(nn.LazyConv2d(4, 3)))


def test_a_model_may_be_any_function(conv_net, batch):
    images, labels = batch()
    net = conv_net().eval()
    answers = []
    for model in (net, lambda x: net(x)):
        with white_box(model, labels=labels) as box:
            answers.append(box.gradient(images, labels, log_odds)[2])
    assert torch.allclose(answers[1], answers[0], atol=1e-5)


class Wide(nn.Module):
    """A patch of 4x4 becomes 96 features, thrice as many within; the tokens are not in the first dimension."""

    def __init__(self):
        super().__init__()
        self.embed, self.inner, self.outer = nn.Linear(48, 96), nn.Linear(96, 288), nn.Linear(288, 96)
        self.head = nn.Linear(96, 5)

    def forward(self, images):
        patches = images.unfold(2, 4, 4).unfold(3, 4, 4).permute(2, 3, 0, 1, 4, 5).flatten(3).flatten(0, 1)
        tokens = self.embed(patches)
        return self.head((tokens + self.outer(self.inner(tokens).relu())).mean(0))


def test_parts_go_by_the_networks_widest_layer_and_are_equal(monkeypatch, batch):
    cache = 16 * 288 * 20  # twenty images of 16 tokens
    monkeypatch.setattr(MODULE, "_CACHED", cache)
    images, labels = batch(count=70, channels=3, side=16, classes=5)
    sizes, net = [], Wide()

    def model(part):
        sizes.append(len(part))
        return net(part)

    with white_box(model, labels=labels) as box:
        box.gradient(images, labels, log_odds)
        first = sizes.copy()
        box.gradient(images, labels, log_odds)
        box.logits(images[:50])
    assert first[0] == 14  # as if the widest layer had sixteen times as many values as the image
    assert sizes[len(first) :] == [18, 18, 17, 17, 17, 17, 16]


@pytest.mark.parametrize("attack", [pgd, apgd])
def test_what_is_found_does_not_depend_on_the_parts(attack, conv_net, batch, monkeypatch):
    net = conv_net(channels=3, dtype=torch.float64)
    images, labels = batch(count=45, channels=3, dtype=torch.float64)
    found = []
    for cached in (2**21, 1):
        monkeypatch.setattr(MODULE, "_CACHED", cached)
        found.append(attack(net, images, labels, threat=Threat("linf", 0.1), steps=4))
    assert torch.allclose(*found, atol=1e-12)


def test_the_gradient_of_weights_is_never_asked_for(batch):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 4))
    images, labels = batch()
    asked = []
    seen = lambda logits, labels: (asked.append(logits.grad_fn.next_functions), log_odds(logits, labels))[1]  # noqa: E731
    with white_box(net, labels=labels) as box:
        box.gradient(images, labels, seen)
    assert [node is None for node, _ in asked[0]] == [True, False, True]  # bias, features, weight
    assert all(weight.requires_grad for weight in net.parameters())


def test_chunks_grow_as_images_shrink():
    sizes = [chunk(torch.empty(5000, 1, side, side)) for side in (8, 28, 64, 224)]
    assert sizes == sorted(sizes, reverse=True)
    assert 100 <= sizes[1] <= 250
    assert chunk(torch.empty(0, 1, 8, 8)) == 1
    elsewhere = [chunk(torch.empty(9000, 3, side, side, device="meta")) for side in (32, 224)]
    assert elsewhere == [1365, 27]  # an accelerator gets whole batches of small images, and no more than fits
