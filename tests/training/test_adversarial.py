"""The methods of the FGSM study: mixed objective, binary losses, ensembles, limits on weights, retraining."""

# ruff: noqa: F811  (a fixture of another module)
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from friendfoe import params
from friendfoe.attacks import Threat, fgsm
from friendfoe.attacks.recipes import Fgsm, Noise
from friendfoe.models import recipes
from friendfoe.models.registry import build
from friendfoe.runtime.errors import UserError
from friendfoe.training.loop import train
from friendfoe.training.methods import adversarial, binary, ensemble
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.objectives import Batch
from friendfoe.training.recipes import Adversarial, Training
from tests.training.test_loop import bits, images, same  # noqa: F401  (images is a fixture)

FGSM = Fgsm(attack="fgsm", clip=False)
RECIPE = Training(epochs=2, batch=16, optimizer="sgd", learning_rate=0.05)
MAXOUT = recipes.Maxout(kind="maxout", units=[6], pieces=2)
SHAPE = (1, 8, 8)


def fresh(recipe=MAXOUT):
    torch.manual_seed(3)
    return build(recipe, SHAPE, 2)


def batch(count=6):
    generator = torch.Generator().manual_seed(4)
    return Batch(torch.rand(count, *SHAPE, generator=generator), torch.arange(count) % 2, torch.arange(count), seed=9)


def test_alpha_1_is_standard_training_to_the_bit(images):
    plain, mixed = fresh(), fresh()
    history = train(plain, images, cross_entropy, RECIPE, base_seed=0)
    assert train(mixed, images, adversarial.mixed(1.0, FGSM, 0.1), RECIPE, base_seed=0) == history
    assert same(bits(plain), bits(mixed))
    other = fresh()
    train(other, images, adversarial.mixed(0.99, FGSM, 0.1), RECIPE, base_seed=0)
    assert not same(bits(plain), bits(other))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.8])
def test_the_mixed_objective_is_the_formula(alpha):
    network, of = fresh(recipes.MLP(kind="mlp", hidden=[])), batch()
    loss, logits = adversarial.mixed(alpha, FGSM, 0.2)(network, of)
    given = of.images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(network(given), of.labels), given)
    moved = of.images + 0.2 * gradient.sign()
    expected = alpha * F.cross_entropy(network(of.images), of.labels)
    expected = expected + (1 - alpha) * F.cross_entropy(network(moved), of.labels)
    assert torch.allclose(loss, expected)
    assert torch.equal(logits, network(of.images))


def test_no_gradient_flows_through_the_sign():
    """The perturbed images are constants: the gradient is that of training on them as they are."""
    network, of = fresh(recipes.MLP(kind="mlp", hidden=[5])), batch()
    loss, _ = adversarial.mixed(0.0, FGSM, 0.2)(network, of)
    found = torch.autograd.grad(loss, list(network.parameters()))
    moved = fgsm(network, of.images, of.labels, threat=Threat("linf", 0.2), clip=False)
    expected = torch.autograd.grad(F.cross_entropy(network(moved), of.labels), list(network.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("kind", ["uniform", "extreme"])
def test_noise_is_drawn_anew_at_every_step(kind):
    network, of = fresh(recipes.MLP(kind="mlp", hidden=[])), batch()
    objective = adversarial.mixed(0.0, Noise(attack="noise", kind=kind, clip=False), 0.3)
    first, again = (objective(network, of)[0] for _ in range(2))
    later, _ = objective(network, Batch(of.images, of.labels, of.samples, seed=10))
    assert torch.equal(first, again)
    assert not torch.equal(first, later)


def test_adversarial_training_makes_robust(images):
    eps, errors = 0.15, {}
    for alpha in (1.0, 0.5):
        network = fresh()
        train(
            network, images, adversarial.mixed(alpha, FGSM, eps), RECIPE.model_copy(update={"epochs": 8}), base_seed=0
        )
        pixels, labels = images.take(torch.arange(len(images)))
        attacked = fgsm(network, pixels, labels, threat=Threat("linf", eps), clip=False)
        errors[alpha] = (network(attacked).argmax(1) != labels).float().mean().item()
    assert errors[0.5] < errors[1.0]


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_outside_0_and_1_is_refused(alpha):
    with pytest.raises(ValidationError, match="alpha"):
        Adversarial(method="adversarial", images=["train"], condition="fgsm", alpha=alpha)


def test_the_binary_loss_is_a_cross_entropy_per_class():
    network, of = fresh(MAXOUT.model_copy(update={"output": "sigmoids"})).eval(), batch()
    loss, logits = binary.binary(network, of)
    p = logits.double().sigmoid()
    right = p.gather(1, of.labels.unsqueeze(1)).log().sum()
    wrong = (1 - p).log().sum() - (1 - p).gather(1, of.labels.unsqueeze(1)).log().sum()
    assert loss.item() == pytest.approx(-(right + wrong).item() / len(p), rel=1e-5)


def test_members_are_trained_as_if_alone():
    several = recipes.Ensemble(kind="ensemble", members=3, of=recipes.MLP(kind="mlp", hidden=[]))
    network, of = fresh(several), batch()
    loss, logits = ensemble.side_by_side(network, of)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    for member, (weight, bias) in zip(
        network[1].members, zip(gradients[::2], gradients[1::2], strict=True), strict=True
    ):
        alone = torch.autograd.grad(F.cross_entropy(member(of.images), of.labels), list(member.parameters()))
        assert torch.allclose(weight, alone[0])
        assert torch.allclose(bias, alone[1])
    assert logits.shape == (6, 2)


@pytest.mark.parametrize(
    ("method", "message"),
    [("binary", "method 'binary' needs a network with a probability per class"), ("ensemble", "needs an ensemble")],
)
def test_a_method_refuses_a_network_of_another_kind(method, message):
    p = params.read()
    recipe = p.models["rbf" if method == "binary" else "ensemble"].model_copy(update={"network": None, "study": None})
    p.models["wrong"] = recipe
    with pytest.raises(UserError, match=f"models.wrong: .*{message}|models.wrong: {message}"):
        {"binary": binary, "ensemble": ensemble}[method].objective(p, "digits", "wrong", 0)


def test_weights_stay_within_their_limit(images):
    network = fresh()
    train(network, images, cross_entropy, RECIPE.model_copy(update={"max_norm": 0.05}), base_seed=0)
    lengths = [m.weight.norm(dim=1) for m in network.modules() if isinstance(m, torch.nn.Linear)]
    assert all((length <= 0.05 + 1e-6).all() for length in lengths)
    assert any((length > 0.04).any() for length in lengths)


def test_weight_decay_in_l1_is_for_the_first_layer(images):
    first, last = {}, {}
    for decay in (None, 0.05):
        network = fresh()
        recipe = RECIPE.model_copy(update={"first_layer_l1": decay, "epochs": 4})
        train(network, images, cross_entropy, recipe, base_seed=0)
        layers = [m.weight for m in network.modules() if isinstance(m, torch.nn.Linear)]
        first[decay], last[decay] = layers[0].abs().mean().item(), layers[-1].abs().mean().item()
    assert first[0.05] < 0.5 * first[None]
    assert last[0.05] > 0.5 * last[None]
    step = RECIPE.model_copy(update={"epochs": 1, "batch": 100, "momentum": 0.0, "first_layer_l1": 0.1})
    network, plain = fresh().eval(), fresh().eval()
    constant = lambda net, of: (net[1][2].weight.sum() * 0.0, net(of.images))  # noqa: E731
    before = network[1][2].weight.detach().clone()
    rate = torch.optim.lr_scheduler.OneCycleLR(
        torch.optim.SGD(plain.parameters(), lr=0.05), max_lr=0.05, total_steps=2, cycle_momentum=False
    ).get_last_lr()[0]
    train(network, images, constant, step, base_seed=0)
    assert torch.allclose(network[1][2].weight, before - rate * 0.1 * before.sign(), atol=1e-7)


def test_training_may_end_in_the_middle_of_its_schedule(images):
    whole, part = fresh(), fresh()
    long = RECIPE.model_copy(update={"epochs": 4})
    history = train(whole, images, cross_entropy, long, base_seed=0)
    assert train(part, images, cross_entropy, long, base_seed=0, epochs=2) == history[:2]
