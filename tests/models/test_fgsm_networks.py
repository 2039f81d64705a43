"""The networks of the FGSM study compute what they are said to."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from friendfoe.attacks import Threat, fgsm
from friendfoe.models.classifier import build
from friendfoe.models.networks.ensemble import EnsembleConfig, members
from friendfoe.models.networks.logistic import LogisticConfig, worst_case_loss
from friendfoe.models.networks.maxout import Maxout, MaxoutConfig
from friendfoe.models.networks.rbf import RBFConfig
from friendfoe.models.networks.saturating import SaturatingConfig
from friendfoe.models.predict import predict
from friendfoe.runtime.errors import UserError

SHAPE = (1, 4, 4)
SMALL = MaxoutConfig(kind="maxout", units=[6], pieces=3)


@pytest.mark.parametrize("more", [(), (2, 3)])
def test_a_maxout_unit_is_the_largest_of_its_pieces(more):
    values = torch.randn(5, 3 * 4, *more)
    outputs = Maxout(3)(values)
    for unit in range(4):
        assert torch.equal(outputs[:, unit], torch.stack([values[:, piece * 4 + unit] for piece in range(3)]).amax(0))


def test_maxout_takes_pixels_as_they_are_and_drops_only_while_training():
    network = build(SMALL, SHAPE, 3, mean=[0.5], std=[0.1])
    images = torch.rand(4, *SHAPE)
    assert torch.equal(network[0](images), images)
    assert torch.equal(network.eval()(images), network(images))
    assert not torch.equal(network.train()(images), network(images))


def test_each_class_of_an_rbf_network_has_the_probability_of_its_template():
    network = build(RBFConfig(kind="rbf"), SHAPE, 3)
    body, images = network[1], torch.rand(5, *SHAPE)
    distance = (body.log_precision.exp() * (images.flatten(1).unsqueeze(1) - body.templates) ** 2).sum(2)
    assert torch.allclose(network.probabilities(network(images)), (-distance).exp(), atol=1e-6)
    far = network(images + 100)
    assert far.isfinite().all()
    assert (network.probabilities(far) < 1e-6).all()
    near = network(body.templates.detach().view(3, *SHAPE))
    assert near.isfinite().all()
    assert (network.probabilities(near).diagonal() > 0.999).all()


def test_sigmoids_need_not_add_up_to_one():
    network = build(SMALL.model_copy(update={"output": "sigmoids"}), SHAPE, 3).eval()
    images = torch.rand(4, *SHAPE)
    assert torch.allclose(predict(network, images), network(images).sigmoid(), atol=1e-6)
    usual = build(SMALL, SHAPE, 3)
    assert torch.allclose(predict(usual, images).sum(1), torch.ones(4))


def test_an_ensemble_gives_the_mean_of_its_members_probabilities():
    network = build(EnsembleConfig(kind="ensemble", members=4, of=SMALL), SHAPE, 3).eval()
    images = torch.rand(6, *SHAPE)
    each = torch.stack([member(images).softmax(1) for member in members(network)])
    assert len(each) == 4
    assert not torch.allclose(each[0], each[1])  # fresh weights of its own for each
    assert torch.allclose(network(images).exp(), each.mean(0), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"members": 0}, "greater than 0"),
        ({"of": {"kind": "rbf"}}, "must add up to one"),
        ({"of": {"kind": "ensemble", "members": 2, "of": SMALL.model_dump()}}, "cannot be an ensemble itself"),
        ({"of": {"kind": "maxout", "units": [2], "pieces": 2, "output": "sigmoids"}}, "must add up to one"),
    ],
)
def test_ensembles_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        EnsembleConfig.model_validate({"kind": "ensemble", "members": 2, "of": SMALL.model_dump()} | change)


def test_logistic_regression_tells_two_classes_apart():
    with pytest.raises(UserError, match="'logistic' tells two classes apart, and there are 3"):
        build(LogisticConfig(kind="logistic"), SHAPE, 3)
    network = build(LogisticConfig(kind="logistic"), SHAPE, 2)
    images = torch.rand(4, *SHAPE)
    linear = network[1].linear
    assert torch.allclose(predict(network, images)[:, 1:], linear(images.flatten(1)).sigmoid(), atol=1e-6)
    (gradient,) = torch.autograd.grad(network(images.requires_grad_()).sum(), images)
    assert torch.allclose(gradient[0].flatten(), linear.weight[0])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), eps=st.floats(0, 1, width=32), scale=st.floats(0.01, 3))
def test_the_closed_form_is_the_loss_under_fgsm(seed, eps, scale):
    torch.manual_seed(seed)
    network = build(LogisticConfig(kind="logistic"), SHAPE, 2)
    linear = network[1].linear
    torch.nn.init.normal_(linear.weight, std=scale)
    images, labels = torch.rand(8, *SHAPE), torch.arange(8) % 2
    attacked = fgsm(network, images, labels, threat=Threat("linf", eps), clip=False)
    measured = torch.nn.functional.cross_entropy(network(attacked), labels, reduction="none")
    closed = worst_case_loss(linear.weight[0], linear.bias, images.flatten(1), labels, eps)
    assert torch.allclose(measured, closed, rtol=1e-4, atol=1e-5)
    corner = images + eps * (2 * torch.randint(2, images.shape) - 1)  # no other corner of the ball is worse
    other = torch.nn.functional.cross_entropy(network(corner), labels, reduction="none")
    assert (other <= closed + 1e-5).all()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_a_saturating_network_is_its_formula(activation):
    network = build(SaturatingConfig(kind="saturating", hidden=[5], activation=activation), SHAPE, 3)
    images = torch.rand(4, *SHAPE)
    _, first, _, last = network[1]
    expected = last(getattr(torch, activation)(first(images.flatten(1))))
    assert torch.equal(network(images), expected)
    with pytest.raises(ValidationError, match="sigmoid"):
        SaturatingConfig(kind="saturating", hidden=[5], activation="relu")
