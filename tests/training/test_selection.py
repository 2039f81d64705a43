"""Which epoch is kept, when training stops, and averaged weights: with the same bits after a resume."""

from itertools import count

import pytest
import torch

from friendfoe.training.averaging import Average
from friendfoe.training.checkpoint import Checkpoint
from friendfoe.training.images import TrainingImages, held_out_rows
from friendfoe.training.job import AveragingConfig, TrainingConfig, ValidationConfig
from friendfoe.training.loop import train
from friendfoe.training.methods.standard import cross_entropy
from friendfoe.training.replicate import lowest, share
from friendfoe.training.selection import Selection
from tests.training.helpers import CPU, Killed, bits, network, same

BUDGET = TrainingConfig(
    epochs=4, batch=16, optimizer="sgd", learning_rate=0.1,
    averaging=AveragingConfig(remains=0.5), validation=ValidationConfig(share=0.1),
)  # fmt: skip


def scripted(*scores):
    """A selection to which the network seems to have these accuracies, epoch after epoch."""
    queue = iter(scores)
    return Selection(BUDGET.validation, lambda network: next(queue))


def watched(selection, training_accuracies):
    net = torch.nn.Linear(1, 1)
    for epoch, accuracy in enumerate(training_accuracies):
        torch.nn.init.constant_(net.weight, epoch)
        selection.end_epoch(epoch, net, accuracy)
        if selection.stopped:
            break
    return selection


def test_the_best_epoch_is_kept_and_the_first_of_equals():
    selection = watched(scripted(0.2, 0.7, 0.7, 0.5), [0.1, 0.2, 0.3, 0.4])
    assert (selection.epoch, selection.best, selection.stopped) == (1, 0.7, False)
    assert selection.weights["weight"].item() == 1


def test_patience_ends_training():
    scores = iter([0.5, 0.6, 0.5, 0.55, 0.9])
    selection = watched(Selection(ValidationConfig(patience=2), lambda network: next(scores)), [0.1] * 5)
    assert selection.stopped
    assert not selection.collapsed
    assert selection.epoch == 1
    assert next(scores) == 0.9  # nobody has looked at the fifth epoch


def test_a_collapse_is_two_low_epochs_while_training_goes_well():
    assert watched(scripted(0.6, 0.2, 0.2, 0.2), [0.5, 0.6, 0.7, 0.8]).collapsed
    assert not watched(scripted(0.6, 0.2, 0.5, 0.2), [0.5, 0.6, 0.7, 0.8]).collapsed  # it recovers
    assert not watched(scripted(0.6, 0.2, 0.2, 0.2), [0.5, 0.3, 0.3, 0.3]).collapsed  # training goes badly, too
    assert not watched(scripted(0.6, 0.4, 0.4, 0.4), [0.5, 0.6, 0.7, 0.8]).collapsed  # above half of the best


def test_held_out_images_are_not_trained_on():
    pixels = torch.arange(50, dtype=torch.uint8).view(-1, 1, 1, 1)
    labels = torch.arange(50)
    held_out = held_out_rows(50, 0.2, 3)
    whole = TrainingImages([pixels], labels, 1.0, 3, CPU, held_out=0.2)
    assert len(held_out) == 10
    assert sorted([*held_out.tolist(), *whole.labels.tolist()]) == list(range(50))
    half = TrainingImages([pixels], labels, 0.5, 3, CPU, held_out=0.2)
    assert set(half.labels.tolist()) < set(whole.labels.tolist())
    assert len(half) == 20
    assert len(held_out_rows(5, 0.01, 0)) == 1


def small():
    return torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))


def set_to(net, weight, step=0):
    torch.nn.init.constant_(net[0].weight, weight)
    net[1].running_mean.fill_(weight)
    net[1].num_batches_tracked.fill_(step)


def test_the_average_is_that_of_its_formula():
    net = small()
    average = Average(net, AveragingConfig(remains=0.25))
    assert average.network is net  # nothing has entered
    for step, (weight, expected) in enumerate([(4.0, 4.0), (8.0, 7.0), (2.0, 3.25), (6.0, 5.3125)]):
        set_to(net, weight, step)
        average.end_epoch()
        assert average.network[0].weight.item() == pytest.approx(expected)
        assert average.network[1].running_mean.item() == pytest.approx(expected)
    assert average.network[1].num_batches_tracked == 3
    assert net[0].weight.item() == 6.0


def test_weights_enter_the_average_only_where_the_weakest_class_passes():
    net, weakest = small(), iter([0.1, 0.2, 0.19, 0.7])
    average = Average(net, AveragingConfig(remains=0.5, threshold=0.2), lambda network: next(weakest))
    for weight, expected in [(4.0, 4.0), (8.0, 8.0), (2.0, 8.0), (6.0, 7.0)]:  # the first is the network's own
        set_to(net, weight)
        average.end_epoch()
        assert average.network[0].weight.item() == pytest.approx(expected)
    with pytest.raises(ValueError, match="weakest: a threshold is asked"):
        Average(net, AveragingConfig(remains=0.5, threshold=0.2))


def test_the_threshold_is_asked_of_the_network_that_learns_and_holds_in_training(images):
    """The average must not judge itself: weights that are averaged are seldom as weak."""
    asked, net = [], network()
    budget = BUDGET.model_copy(update={"averaging": AveragingConfig(remains=0.5, threshold=0.3)})
    scores = iter([0.5, 0.2, 0.2, 0.2])

    def weakest(one):
        asked.append(one)
        return next(scores)

    first = network()
    train(first, images, cross_entropy, budget.model_copy(update={"averaging": None}), base_seed=0, epochs=1)
    train(net, images, cross_entropy, budget, base_seed=0, weakest=weakest)
    assert all(one is net for one in asked)
    assert len(asked) == 4
    assert same(bits(net), bits(first))  # those of the first epoch alone have entered


@pytest.mark.parametrize("validation", [None, {"retrain": True}])
def test_a_threshold_without_images_that_are_held_out_is_refused(validation):
    with pytest.raises(ValueError, match=r"averaging\.threshold: is asked of held-out images"):
        TrainingConfig.model_validate(
            {**BUDGET.model_dump(), "averaging": {"remains": 0.5, "threshold": 0.2}, "validation": validation}
        )


def test_the_weakest_class_is_the_lowest_share_of_those_that_have_images():
    counts = torch.tensor([[3.0, 1.0, 0.0], [4.0, 5.0, 0.0]])
    assert lowest(counts) == pytest.approx(0.2)
    assert share(counts) == pytest.approx(4 / 9)


class Remembering:
    """An objective with a state that its loss depends on."""

    def __init__(self, calls):
        self.calls = calls
        self.seen = 0

    def __call__(self, net, batch):
        if next(self.calls) == 0:
            raise Killed
        self.seen += 1
        loss, logits = cross_entropy(net, batch)
        return loss * (1 + 0.1 * self.seen), logits

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]


@pytest.mark.parametrize("killed_at", [1, 5, 6, 7, 12, 17, 23])
def test_average_selection_and_objective_resume_with_the_same_bits(images, often_saved, killed_at):
    def run(net, calls, **options):
        selection = Selection(BUDGET.validation, lambda network: next(network.parameters()).abs().mean().item() % 0.1)
        history = train(net, images, Remembering(calls), BUDGET, base_seed=0, selection=selection, **options)
        return history, selection

    whole, resumed = network(0.5), network(0.5)
    expected, selected = run(whole, count(1))
    with pytest.raises(Killed):
        run(network(0.5), count(-killed_at), checkpoint=Checkpoint("k"))
    history, again = run(resumed, count(1), checkpoint=Checkpoint("k"))
    assert history == expected
    assert same(bits(whole), bits(resumed))
    assert same(selected.weights, again.weights)
    assert selected.epoch == again.epoch
    assert not same(bits(whole), selected.weights) or selected.epoch == 3


def test_training_ends_where_the_selection_says_and_stays_ended(images, often_saved):
    budget = BUDGET.model_copy(update={"validation": ValidationConfig(patience=1), "epochs": 9})
    scores = iter([0.5, 0.4])
    selection = Selection(budget.validation, lambda net: next(scores))
    history = train(
        network(), images, cross_entropy, budget, base_seed=0, selection=selection, checkpoint=Checkpoint("k")
    )
    assert [row["validation_accuracy"] for row in history] == [0.5, 0.4]
    again = Selection(budget.validation, None)  # an accuracy that is asked for would fail
    resumed = train(network(), images, cross_entropy, budget, base_seed=0, selection=again, checkpoint=Checkpoint("k"))
    assert resumed == history
    assert same(again.weights, selection.weights)
