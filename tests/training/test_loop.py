"""The loop: it learns, it repeats itself bit for bit, it resumes, and it stops at a loss that is not finite."""

from itertools import count, pairwise

import pytest
import torch

from friendfoe.models.recipes import CNN
from friendfoe.models.registry import build
from friendfoe.runtime.errors import UserError
from friendfoe.tailored import Crafting, Tailored
from friendfoe.training import checkpoint as checkpoints
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.images import TrainingImages
from friendfoe.training.loop import train
from friendfoe.training.methods.defence import Training as Objective
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.recipes import Defence, Training

CPU = torch.device("cpu")
RECIPE = Training(epochs=3, batch=16, optimizer="sgd", learning_rate=0.1, weight_decay=1e-3)


@pytest.fixture
def images():
    """Two classes that differ in brightness."""
    labels = torch.arange(100) % 2
    noise = torch.randint(0, 100, (100, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    return TrainingImages([(noise + 100 * labels.view(-1, 1, 1, 1)).to(torch.uint8)], labels, 1.0, 0, CPU)


def network(dropout=0.0):
    torch.manual_seed(1)
    return torch.nn.Sequential(build(CNN(kind="cnn", width=4), (1, 8, 8), 2), torch.nn.Dropout(dropout))


def bits(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
def test_every_optimiser_and_schedule_learns(images, optimizer, schedule):
    rate = 0.1 if optimizer == "sgd" else 0.01
    recipe = Training(epochs=5, batch=16, optimizer=optimizer, learning_rate=rate, schedule=schedule)
    history = train(network(), images, cross_entropy, recipe, base_seed=0)
    assert history[-1]["accuracy"] > 0.95
    assert history[-1]["loss"] < history[0]["loss"]
    assert [row["step"] for row in history] == [6, 12, 18, 24, 30]  # the incomplete seventh batch is left out


def test_same_seed_same_bits_and_other_seed_other_bits(images):
    nets = [network(), network(), network()]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        train(net, images, cross_entropy, RECIPE, base_seed=seed)
    assert same(bits(nets[0]), bits(nets[1]))
    assert not same(bits(nets[0]), bits(nets[2]))


def test_the_global_random_state_is_left_alone(images):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    net = network()
    torch.set_rng_state(before)
    train(net, images, cross_entropy, RECIPE, base_seed=0, evaluate=lambda n: torch.rand(1).item())
    assert torch.equal(torch.get_rng_state(), before)


class Killed(BaseException):
    pass


@pytest.mark.parametrize(("optimizer", "augmentation"), [("sgd", None), ("adamw", "randaugment")])
@pytest.mark.parametrize("killed_at", range(1, 19))
def test_a_run_killed_at_any_step_ends_with_the_same_bits(
    images, tmp_path, monkeypatch, killed_at, optimizer, augmentation
):
    monkeypatch.setattr(checkpoints, "ROOT", tmp_path)
    monkeypatch.setattr("friendfoe.training.loop.CHECK_EVERY", 4)  # so that checkpoints lie within epochs, too
    monkeypatch.setenv("FRIENDFOE_CHECKPOINT_SECONDS", "0")
    recipe = RECIPE.model_copy(update={"optimizer": optimizer, "augmentation": augmentation})
    whole, resumed = network(dropout=0.5), network(dropout=0.5)
    expected = train(whole, images, cross_entropy, recipe, base_seed=0)

    steps = count(1)

    def deadly(net, batch):
        if next(steps) == killed_at:
            raise Killed
        return cross_entropy(net, batch)

    with pytest.raises(Killed):
        train(network(dropout=0.5), images, deadly, recipe, base_seed=0, checkpoint=Checkpoint("k"))
    assert train(resumed, images, cross_entropy, recipe, base_seed=0, checkpoint=Checkpoint("k")) == expected
    assert same(bits(whole), bits(resumed))


def test_a_finished_run_is_not_trained_again(images, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "ROOT", tmp_path)
    monkeypatch.setenv("FRIENDFOE_CHECKPOINT_SECONDS", "0")
    first, again = network(), network()
    train(first, images, cross_entropy, RECIPE, base_seed=0, checkpoint=Checkpoint("k"))
    untouched = None  # an objective that is called would fail
    train(again, images, untouched, RECIPE, base_seed=0, checkpoint=Checkpoint("k"))
    assert same(bits(first), bits(again))


def test_a_checkpoint_of_other_dependencies_or_a_damaged_one_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "ROOT", tmp_path)
    saved = Checkpoint("data", 1)
    saved.save({"step": 3})
    assert Checkpoint("data", 1).load() == {"step": 3}
    assert Checkpoint("data", 2).load() is None
    saved.path.write_bytes(saved.path.read_bytes()[:40])
    assert Checkpoint("data", 1).load() is None
    saved.remove()
    assert not tmp_path.exists() or not list(tmp_path.iterdir())


def test_a_loss_that_is_not_finite_stops_training_with_the_remedy(images):
    recipe = RECIPE.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(UserError, match=r"no longer finite at step \d+.*learning_rate"):
        train(network(), images, cross_entropy, recipe, base_seed=0)


def test_so_does_an_attack_that_meets_such_logits_first(images):
    defence = Defence(method="defence", images=["train"], study="classwise", objective="mart")
    objective = Objective(defence, Tailored(eps=0.1, crafting=Crafting(steps=1)), RECIPE.epochs)
    recipe = RECIPE.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(UserError, match=r"no longer finite at step \d+.*learning_rate"):
        train(network(), images, objective, recipe, base_seed=0)


def test_weight_decay_spares_biases_and_batch_norm(images):
    recipe = RECIPE.model_copy(update={"learning_rate": 1e-12, "weight_decay": 1e10, "momentum": 0.0, "epochs": 1})
    net = network()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    train(net, images, cross_entropy, recipe, base_seed=0)
    for name, parameter in net.named_parameters():
        shrank = parameter.norm() < 0.99 * before[name].norm()
        assert shrank == (parameter.dim() > 1), name


def test_each_epoch_takes_every_batch_in_a_new_order(images):
    seen = []

    def watch(net, batch):
        seen.append(batch.samples.clone())
        return cross_entropy(net, batch)

    train(network(), images, watch, RECIPE, base_seed=0)
    epochs = [torch.cat(seen[i : i + 6]) for i in (0, 6, 12)]
    assert all(len(epoch.unique()) == 96 for epoch in epochs)
    assert not any(torch.equal(a, b) for a, b in pairwise(epochs))
