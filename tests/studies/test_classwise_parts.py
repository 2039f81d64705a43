"""Homing and mitigation on constructed examples with known answers."""

import math

import pytest
import torch
from torch import nn

from friendfoe.data.store import Split
from friendfoe.models.last_layer import last_layer, row_norms, with_equal_rows, with_shifted_logits
from friendfoe.runtime.errors import UserError
from friendfoe.studies.classwise.attacked import Answers, confusion
from friendfoe.studies.classwise.held_out import among, counted, likeliest
from friendfoe.studies.classwise.homing import come_home, reduced, removals, turned
from friendfoe.studies.classwise.mitigation import adjusted, prior, worst

LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])
ANSWERS = Answers(
    clean=torch.tensor([0, 0, 0, 1, 1, 1, 2, 2]),  # the fourth image is wrong to begin with
    attacked=torch.tensor([1, 1, 2, 1, 1, 2, 2, 1]),
)


def test_what_is_turned_into_what():
    assert turned(LABELS, ANSWERS, 3).tolist() == [[0, 2, 1], [0, 0, 1], [0, 1, 0]]
    assert confusion(LABELS, ANSWERS.attacked, 3).tolist() == [[0, 3, 1], [0, 1, 1], [0, 1, 1]]


def test_the_classes_that_most_is_turned_into_are_left_out():
    assert removals(LABELS, [ANSWERS, ANSWERS], 3, 2, 0) == [(1,), (2,)]
    assert removals(LABELS, [ANSWERS], 3, 5, 0) == [(1,), (2,)]  # nothing is turned into class 0
    assert removals(LABELS, [ANSWERS], 4, 1, 2) == [(1,), (1, 2)]
    assert removals(LABELS, [ANSWERS], 3, 1, 2) == [(1,)]  # one class alone would be left
    assert removals(torch.tensor([0, 1]), [Answers(torch.tensor([0, 1]), torch.tensor([1, 0]))], 2, 1, 0) == []
    nothing = Answers(LABELS, LABELS)
    assert removals(LABELS, [nothing], 3, 2, 2) == []


def found(answers, names=("a", "b", "c")):
    """`come_home` of the example with these answers of networks without classes, nan written as None."""
    without = {out: lambda rows, a=answer: a[rows] for out, answer in answers.items()}
    outcomes = come_home(LABELS, ANSWERS, without, list(names))
    return {
        (metric, into): [None if math.isnan(x) else x for x in values.tolist()]
        for (metric, model, into), values in outcomes.items()
        if model == "pgd-at"
    }


def test_homing_of_a_known_example():
    """Images 0, 1 and 7 are turned into class 1. Without it the first and the last come home, the second does not."""
    outcomes = found(
        {
            (1,): torch.tensor([0, 2, -1, -1, -1, -1, -1, 2]),
            (2,): torch.tensor([0, 1, 0, -1, -1, 1, -1, -1]),
        }
    )
    empty = [None] * 8
    assert outcomes["home", "b"] == [1, 0, *empty[2:7], 1]
    assert outcomes["control", "b"] == [1, 0, *empty[2:]]  # without class c; images of c itself are not asked
    assert outcomes["home", "c"] == [*empty[:2], 1, *empty[3:5], 1, *empty[6:]]
    assert outcomes["control", "c"] == [*empty[:2], 0, *empty[3:]]
    assert outcomes["home", "any one"] == [1, 0, 1, None, None, 1, None, 1]
    assert outcomes["control", "any one"] == [1, 0, 0, *empty[3:]]


def test_a_group_is_left_out_together_and_has_no_control():
    outcomes = found({(1,): LABELS, (1, 2): LABELS})
    assert ("control", "b + c") not in outcomes
    assert outcomes["home", "b + c"] == [1, 1, 1, *[None] * 5]
    assert outcomes["home", "any one"] == outcomes["home", "b"]  # classes on their own


def test_nothing_is_left_out_and_nothing_comes_home():
    assert found({}) == {("home", "any one"): [None] * 8, ("control", "any one"): [None] * 8}


def test_the_likeliest_wrong_answers_of_each_class():
    labels = torch.tensor([0, 0, 0, 0, 1, 2, 2])
    answered = torch.tensor([0, 2, 2, 1, 1, 0, 2])
    assert likeliest(labels, answered, 3, 1).tolist() == [[2], [0], [0]]  # of class 1 nothing is known
    assert likeliest(labels, answered, 3, 2).tolist() == [[2, 1], [0, 2], [0, 1]]
    of_few = among(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 2, 2]), torch.tensor([[2], [0], [0]]))
    assert of_few.isnan().tolist() == [True, False, False, False]
    assert of_few[1:].tolist() == [0, 1, 0]


def test_counts_of_held_out_images():
    rows = counted(torch.tensor([0, 0, 2]), torch.tensor([0, 1, 2]), ["a", "b", "c"])
    assert rows == [
        {"class": "a", "n": 2, "correct": 1}, {"class": "b", "n": 0, "correct": 0}, {"class": "c", "n": 1, "correct": 1}
    ]  # fmt: skip


def test_a_split_without_classes_counts_the_others_through():
    images = torch.arange(8, dtype=torch.uint8).view(-1, 1, 1, 1)
    split = Split("some", images, LABELS, ["a", "b", "c"], "", (0.0,), (1.0,))
    rest = reduced(split, (1,))
    assert rest.classes == ["a", "c"]
    assert rest.labels.tolist() == [0, 0, 0, 0, 1, 1]
    assert rest.images.flatten().tolist() == [0, 1, 2, 3, 6, 7]


def classifier():
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 3))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 1.0], [6.0, 8.0]]))
        network[1].bias.zero_()
    return network


def test_rows_of_equal_norm_keep_their_direction_and_the_mean():
    network = classifier()
    assert row_norms(network).tolist() == [5, 1, 10]
    equal = with_equal_rows(network)
    assert row_norms(equal).tolist() == pytest.approx([16 / 3] * 3)
    cosines = nn.functional.cosine_similarity(last_layer(equal).weight, last_layer(network).weight)
    assert cosines.tolist() == pytest.approx([1] * 3)
    assert row_norms(network).tolist() == [5, 1, 10]  # a copy


def test_shifted_logits():
    network, images, shift = classifier(), torch.rand(4, 1, 1, 2), torch.tensor([1.0, -2.0, 0.0])
    torch.testing.assert_close(with_shifted_logits(network, shift)(images), network(images) + shift)
    network[1].bias = None
    torch.testing.assert_close(with_shifted_logits(network, shift)(images), network(images) + shift)


def test_a_network_without_a_last_linear_layer_is_one_line():
    with pytest.raises(UserError, match="no linear layer"):
        row_norms(nn.Sequential(nn.Conv2d(1, 2, 1)))


def test_prior_is_answers_over_truth():
    assert prior(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1]), 3).tolist() == pytest.approx([4 / 3, 2 / 3, 1])


def test_the_prior_adjustment_takes_what_helps_the_weakest_class():
    """A bias keeps class 1 from ever being answered; the adjustment gives it back."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        network[1].weight.copy_(torch.eye(2))
        network[1].bias.copy_(torch.tensor([1.0, 0.0]))
    images = torch.tensor([[1.0, 0.0]] * 10 + [[0.0, 0.9]] * 10).view(20, 1, 1, 2)
    labels = torch.tensor([0] * 10 + [1] * 10)
    kept, strength = adjusted(network, labels, lambda model: model(images).argmax(1), [0.25, 1.0])
    assert strength == 0.25  # with 1.0 class 0 would have nothing
    assert torch.equal(kept(images).argmax(1), labels)


def test_no_adjustment_where_none_helps():
    network, images = classifier(), torch.rand(6, 1, 1, 2)
    labels = network(images).argmax(1)
    kept, strength = adjusted(network, labels, lambda model: model(images).argmax(1), [0.5, 1.0])
    assert kept is network
    assert strength == 0


def test_the_worst_class_passes_over_those_without_images():
    assert worst(torch.tensor([0, 2, 0]), torch.tensor([0, 2, 2])) == 0.5
