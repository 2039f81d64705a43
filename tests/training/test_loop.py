"""The loop: it learns, it repeats itself bit for bit, it resumes, and it stops at a loss that is not finite."""

import os
import time
from itertools import count, pairwise

import pytest
import torch

from friendfoe.runtime.errors import UserError
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.job import InnerAttack, TrainingConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.adversarial_training import AdversarialTrainingConfig, RobustObjective
from friendfoe.training.methods.standard import cross_entropy
from tests.damage import every_flip
from tests.training.helpers import Killed, bits, network, same

BUDGET = TrainingConfig(epochs=3, batch=16, optimizer="sgd", learning_rate=0.1, weight_decay=1e-3)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
def test_every_optimiser_and_schedule_learns(images, optimizer, schedule):
    rate = 0.1 if optimizer == "sgd" else 0.01
    budget = TrainingConfig(epochs=5, batch=16, optimizer=optimizer, learning_rate=rate, schedule=schedule)
    history = train(network(), images, cross_entropy, budget, base_seed=0)
    assert history[-1]["accuracy"] > 0.95
    assert history[-1]["loss"] < history[0]["loss"]
    assert [row["step"] for row in history] == [6, 12, 18, 24, 30]  # the incomplete seventh batch is left out


def test_same_seed_same_bits_and_other_seed_other_bits(images):
    nets = [network(), network(), network()]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        train(net, images, cross_entropy, BUDGET, base_seed=seed)
    assert same(bits(nets[0]), bits(nets[1]))
    assert not same(bits(nets[0]), bits(nets[2]))


def test_the_global_random_state_is_left_alone(images):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    net = network()
    torch.set_rng_state(before)
    train(net, images, cross_entropy, BUDGET, base_seed=0, evaluate=lambda n: torch.rand(1).item())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("killed_at", "optimizer", "augmentation"),
    [
        *((step, "sgd", None) for step in range(1, 19)),
        *((step, "adamw", "randaugment") for step in (1, 6, 7, 18)),  # in and between epochs
        *(pytest.param(step, "adamw", "randaugment", marks=pytest.mark.slow) for step in (*range(2, 6), *range(8, 18))),
    ],
)
def test_a_run_killed_at_any_step_ends_with_the_same_bits(images, often_saved, killed_at, optimizer, augmentation):
    budget = BUDGET.model_copy(update={"optimizer": optimizer, "augmentation": augmentation})
    whole, resumed = network(dropout=0.5), network(dropout=0.5)
    expected = train(whole, images, cross_entropy, budget, base_seed=0)

    steps = count(1)

    def deadly(net, batch):
        if next(steps) == killed_at:
            raise Killed
        return cross_entropy(net, batch)

    with pytest.raises(Killed):
        train(network(dropout=0.5), images, deadly, budget, base_seed=0, checkpoint=Checkpoint("k"))
    assert train(resumed, images, cross_entropy, budget, base_seed=0, checkpoint=Checkpoint("k")) == expected
    assert same(bits(whole), bits(resumed))


def test_a_finished_run_is_not_trained_again(images, often_saved):
    first, again = network(), network()
    train(first, images, cross_entropy, BUDGET, base_seed=0, checkpoint=Checkpoint("k"))
    untouched = None  # an objective that is called would fail
    train(again, images, untouched, BUDGET, base_seed=0, checkpoint=Checkpoint("k"))
    assert same(bits(first), bits(again))


def test_a_checkpoint_of_other_dependencies_is_not_used(tmp_path, often_saved):
    saved = Checkpoint("data", 1)
    saved.save({"step": 3})
    assert Checkpoint("data", 1).load() == {"step": 3}
    assert Checkpoint("data", 2).load() is None
    saved.remove()
    assert not saved.path.exists()
    assert not list(tmp_path.rglob("*"))


def test_a_damaged_checkpoint_is_as_good_as_none_and_said(often_saved, capsys):
    saved = Checkpoint("k")
    saved.save(network().state_dict())
    said = f"{saved.path}: this checkpoint is damaged; the training starts afresh\n"
    for _ in every_flip(saved.path):
        assert saved.load() is None
        assert capsys.readouterr().err == said
    whole = saved.path.read_bytes()
    for content in (b"", whole[:3], whole[:-1], whole + b"\0"):
        saved.path.write_bytes(content)
        assert saved.load() is None
        assert capsys.readouterr().err == said
    saved.path.write_bytes(whole)
    saved.path.rename(Checkpoint("other").path)
    assert Checkpoint("other").load() is None
    Checkpoint("third").path.mkdir()
    assert Checkpoint("third").load() is None
    assert "is unreadable (Is a directory); the training starts afresh" in capsys.readouterr().err


def test_a_run_whose_checkpoint_is_damaged_ends_with_the_same_bits(images, often_saved):
    whole, resumed = network(), network()
    expected = train(whole, images, cross_entropy, BUDGET, base_seed=0, checkpoint=Checkpoint("k"))
    with Checkpoint("k").path.open("r+b") as file:
        file.seek(-2000, 2)  # a weight or a moment of the optimiser
        byte = file.read(1)
        file.seek(-2000, 2)
        file.write(bytes([byte[0] ^ 1]))
    assert train(resumed, images, cross_entropy, BUDGET, base_seed=0, checkpoint=Checkpoint("k")) == expected
    assert same(bits(whole), bits(resumed))


def test_checkpoints_that_nobody_goes_on_with_are_removed_at_last(often_saved):
    runs = [Checkpoint(name) for name in ("done", "old", "new")]
    for run in runs:
        run.save({})
    for run, days in zip(runs[1:], (31, 29), strict=True):
        os.utime(run.path, (0, time.time() - days * 24 * 3600))
    runs[0].remove()
    assert [run.path.exists() for run in runs] == [False, False, True]


def test_a_loss_that_is_not_finite_stops_training_with_the_remedy(images):
    budget = BUDGET.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(UserError, match=r"no longer finite at step \d+.*learning_rate"):
        train(network(), images, cross_entropy, budget, base_seed=0)


def test_so_does_an_attack_that_meets_such_logits_first(images):
    mart = AdversarialTrainingConfig(method="adversarial-training", objective="mart")
    objective = RobustObjective(mart, 0.1, InnerAttack(steps=1), BUDGET.epochs)
    budget = BUDGET.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(UserError, match=r"no longer finite at step \d+.*learning_rate"):
        train(network(), images, objective, budget, base_seed=0)


def test_weight_decay_spares_biases_and_batch_norm(images):
    budget = BUDGET.model_copy(update={"learning_rate": 1e-12, "weight_decay": 1e10, "momentum": 0.0, "epochs": 1})
    net = network()
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    train(net, images, cross_entropy, budget, base_seed=0)
    for name, parameter in net.named_parameters():
        shrank = parameter.norm() < 0.99 * before[name].norm()
        assert shrank == (parameter.dim() > 1), name


def test_each_epoch_takes_every_batch_in_a_new_order(images):
    seen = []

    def watch(net, batch):
        seen.append(batch.sample_ids.clone())
        return cross_entropy(net, batch)

    train(network(), images, watch, BUDGET, base_seed=0)
    epochs = [torch.cat(seen[i : i + 6]) for i in (0, 6, 12)]
    assert all(len(epoch.unique()) == 96 for epoch in epochs)
    assert not any(torch.equal(a, b) for a, b in pairwise(epochs))


def test_of_two_processes_with_the_same_run_one_saves(often_saved):
    first, second = Checkpoint("k"), Checkpoint("k")
    assert first.due()
    first.save({"step": 1})
    assert not second.due()
    assert second.load() == {"step": 1}
    first.remove()
    del first
    assert second.due()
    second.remove()
    assert not second.path.parent.exists()
