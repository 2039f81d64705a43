"""Teachers, soft labels and students."""

import pytest
import torch
import torch.nn.functional as F

from friendfoe.models.recipes import VGG
from friendfoe.models.registry import build
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.training import soft_labels
from friendfoe.training.images import TrainingImages
from friendfoe.training.loop import train
from friendfoe.training.methods.distilled import towards
from friendfoe.training.methods.teacher import at
from friendfoe.training.objectives import Batch
from friendfoe.training.recipes import Training

RECIPE = Training(epochs=2, batch=16, optimizer="sgd", learning_rate=0.05)


@pytest.fixture
def images():
    labels = torch.arange(96) % 3
    noise = torch.randint(0, 80, (96, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    pixels = (noise + 80 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
    return TrainingImages([pixels], labels, 1.0, 0, torch.device("cpu"))


def network(units=8, dropout=0.2):
    torch.manual_seed(1)
    return build(VGG(kind="vgg", channels=[4], dense=[units], dropout=dropout), (1, 8, 8), 3, [0.45], [0.3])


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_soft_labels_of_a_saturated_teacher_at_1_are_hard_labels(images):
    saturated = 60 * F.one_hot(images.labels, 3).float()
    hard, soft = network(), network()
    train(hard, images, at(1.0), RECIPE, base_seed=0)
    train(soft, images, towards(saturated.log_softmax(1).exp(), 1.0), RECIPE, base_seed=0)
    torch.testing.assert_close(weights(soft), weights(hard), rtol=1e-4, atol=1e-5)
    other = network()
    train(other, images, towards((saturated / 60).log_softmax(1).exp(), 1.0), RECIPE, base_seed=0)
    assert (weights(other) - weights(hard)).abs().max() > 1e-3


@pytest.mark.parametrize("temperature", [1.0, 10.0, 100.0])
def test_the_gradient_is_not_rescaled(temperature):
    """d loss / d logits = (softmax(logits / T) - label) / T, for hard and for soft labels."""
    logits = torch.randn(5, 3, requires_grad=True)
    labels, soft = torch.tensor([0, 1, 2, 0, 1]), torch.rand(9, 3).softmax(1)
    samples = torch.tensor([8, 0, 3, 3, 5])
    batch = Batch(logits, labels, samples, 0)
    for objective, wanted in ((at(temperature), F.one_hot(labels, 3)), (towards(soft, temperature), soft[samples])):
        loss, given = objective(lambda x: x, batch)
        assert given is logits
        (gradient,) = torch.autograd.grad(loss, logits)
        expected = ((logits / temperature).softmax(1) - wanted) / temperature / 5
        torch.testing.assert_close(gradient, expected.detach())


def test_the_loss_stays_finite_where_a_softmax_would_not(images):
    logits = torch.tensor([[4000.0, -4000.0, 0.0]], requires_grad=True)
    batch = Batch(logits, torch.tensor([1]), torch.tensor([0]), 0)
    loss, _ = at(1.0)(lambda x: x, batch)
    assert loss.item() == 8000
    assert torch.autograd.grad(loss, logits)[0].abs().sum() == 2


def test_missing_and_damaged_soft_labels_are_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"teacher-5/replicate-0.safetensors is missing; .*'teacher-5'"):
        soft_labels.read("digits", "teacher-5", 0)
    path = paths.replicate(paths.soft("digits", "teacher-5"), 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"replicate-0\.safetensors is damaged"):
        soft_labels.read("digits", "teacher-5", 0)


def test_halving_halves_after_every_fifth_of_the_steps(images):
    rates = []

    def watch(net, batch):
        rates.append(optimizer_rate())
        return at(1.0)(net, batch)

    recipe = Training(epochs=5, batch=16, optimizer="sgd", learning_rate=0.8, schedule="halving")
    from friendfoe.training import loop

    made = loop.make_optimizer
    holder = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "make_optimizer", lambda *a: holder.append(made(*a)) or holder[0])

        def optimizer_rate():
            return holder[0].param_groups[0]["lr"]

        train(network(), images, watch, recipe, base_seed=0)
    assert rates == [0.8 / 2**epoch for epoch in range(5) for _ in range(6)]


def test_bfloat16_learns_what_float32_learns(images):
    recipe = Training(epochs=6, batch=8, optimizer="adamw", learning_rate=0.01)
    accuracy = {}
    for precision in ("float32", "bfloat16"):
        net = network(units=32, dropout=0.0)
        update = {"precision": precision}
        accuracy[precision] = train(net, images, at(1.0), recipe.model_copy(update=update), base_seed=0)[-1]["accuracy"]
        assert all(p.dtype == torch.float32 for p in net.parameters())
    assert accuracy["float32"] > 0.9
    assert accuracy["bfloat16"] > 0.9
