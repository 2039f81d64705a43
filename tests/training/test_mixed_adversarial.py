"""The mixed objective: alpha J(x) + (1 - alpha) J(x'), and what its control with noise draws."""

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from friendfoe.attacks.fgsm import FGSMConfig, fgsm
from friendfoe.attacks.noise import NoiseConfig
from friendfoe.attacks.threat import Threat
from friendfoe.models.classifier import build
from friendfoe.models.networks.maxout import MaxoutConfig
from friendfoe.models.networks.mlp import MLPConfig
from friendfoe.training.job import TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.mixed_adversarial import MixedAdversarialConfig, mixed
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import TrainingBatch
from tests.training.helpers import bits, job, same

FGSM = FGSMConfig(attack="fgsm", clip=False)
BUDGET = TrainingConfig(epochs=2, batch=16, optimizer="sgd", learning_rate=0.05)
MAXOUT = MaxoutConfig(kind="maxout", units=[6], pieces=2)
SHAPE = (1, 8, 8)


def fresh(config=MAXOUT):
    return build(config, SHAPE, 2, seed=3)


def batch_of(count=6, seed=9):
    images = torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(4))
    return TrainingBatch(images, torch.arange(count) % 2, torch.arange(count), seed)


def test_alpha_1_is_standard_training_to_the_bit(images):
    plain, network = fresh(), fresh()
    history = train(plain, images, cross_entropy, BUDGET, base_seed=0)
    assert train(network, images, mixed(1.0, FGSM, 0.1), BUDGET, base_seed=0) == history
    assert same(bits(plain), bits(network))
    other = fresh()
    train(other, images, mixed(0.99, FGSM, 0.1), BUDGET, base_seed=0)
    assert not same(bits(plain), bits(other))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.8])
def test_the_mixed_objective_is_the_formula(alpha):
    network, batch = fresh(MLPConfig(kind="mlp", hidden=[])), batch_of()
    loss, logits = mixed(alpha, FGSM, 0.2)(network, batch)
    pixels = batch.images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(network(pixels), batch.labels), pixels)
    perturbed = batch.images + 0.2 * gradient.sign()
    expected = alpha * F.cross_entropy(network(batch.images), batch.labels)
    expected = expected + (1 - alpha) * F.cross_entropy(network(perturbed), batch.labels)
    assert torch.allclose(loss, expected)
    assert torch.equal(logits, network(batch.images))


def test_no_gradient_flows_through_the_sign():
    """The perturbed images are constants: the gradient is that of training on them as they are."""
    network, batch = fresh(MLPConfig(kind="mlp", hidden=[5])), batch_of()
    loss, _ = mixed(0.0, FGSM, 0.2)(network, batch)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    perturbed = fgsm(network, batch.images, batch.labels, threat=Threat("linf", 0.2), clip=False)
    expected = torch.autograd.grad(F.cross_entropy(network(perturbed), batch.labels), list(network.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(gradients, expected, strict=True))


@pytest.mark.parametrize("kind", ["uniform", "extreme"])
def test_noise_is_drawn_anew_at_every_step(kind):
    network = fresh(MLPConfig(kind="mlp", hidden=[]))
    objective = mixed(0.0, NoiseConfig(attack="noise", kind=kind, clip=False), 0.3)
    first, again = (objective(network, batch_of())[0] for _ in range(2))
    later, _ = objective(network, batch_of(seed=10))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_adversarial_training_makes_robust(images):
    eps, errors = 0.15, {}
    for alpha in (1.0, 0.5):
        network = fresh()
        train(network, images, mixed(alpha, FGSM, eps), BUDGET.model_copy(update={"epochs": 8}), base_seed=0)
        pixels, labels = images.take(torch.arange(len(images)))
        attacked = fgsm(network, pixels, labels, threat=Threat("linf", eps), clip=False)
        errors[alpha] = (network(attacked).argmax(1) != labels).float().mean().item()
    assert errors[0.5] < errors[1.0]


def test_the_epoch_is_chosen_on_what_it_trains_on():
    network, batch = fresh(), batch_of()
    method = MixedAdversarialConfig(method="mixed-adversarial", attack=FGSM)
    attack = method.held_out_attack(job(method=method, eps=0.2), 0)
    expected = fgsm(network, batch.images, batch.labels, threat=Threat("linf", 0.2), clip=False)
    assert torch.equal(attack(network, batch.images, batch.labels, batch.sample_ids), expected)


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_outside_0_and_1_is_refused(alpha):
    with pytest.raises(ValidationError, match="alpha"):
        MixedAdversarialConfig(method="mixed-adversarial", attack=FGSM, alpha=alpha)
