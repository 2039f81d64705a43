"""Homing and mitigation on constructed examples with known answers."""

import pytest
import torch
from torch import nn

from friendfoe.data.store import Split
from friendfoe.models.last_layer import last_layer, row_norms, with_equal_rows, with_shifted_logits
from friendfoe.runtime.errors import UserError
from friendfoe.studies.classwise.attacked import Answers, confusion
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


def test_homing_of_a_known_example():
    """Images 0, 1 and 7 are turned into class 1. Without it the first and the last come home, the second does not."""
    answers = {
        (1,): torch.tensor([0, 2, -1, -1, -1, -1, -1, 2]),
        (2,): torch.tensor([0, 1, 0, -1, -1, 1, -1, -1]),
    }
    rows = come_home(
        LABELS, ANSWERS, {out: lambda rows, a=answer: a[rows] for out, answer in answers.items()}, ["a", "b", "c"]
    )
    counts = {(row["into"], row["without"], row["class"]): (row["n"], row["home"]) for row in rows}
    assert counts == {
        ("b", "b", "a"): (2, 1),
        ("b", "b", "c"): (1, 1),
        ("b", "c", "a"): (2, 1),  # the control: without class c; images of c itself are not asked
        ("c", "c", "a"): (1, 1),
        ("c", "c", "b"): (1, 1),
        ("c", "b", "a"): (1, 0),
    }


def test_a_group_is_left_out_together_and_has_no_control():
    answers = {(1,): LABELS, (1, 2): LABELS}
    rows = come_home(
        LABELS, ANSWERS, {out: lambda rows, a=answer: a[rows] for out, answer in answers.items()}, ["a", "b", "c"]
    )
    assert {(row["into"], row["without"], row["classes"]) for row in rows} == {("b", "b", 1), ("b + c", "b + c", 2)}
    assert next(row for row in rows if row["classes"] == 2)["n"] == 3


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
