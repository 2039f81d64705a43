"""The mean over unequal classes and the weakest tenth, against Wilson, and against the truth of simulated classes."""

import numpy as np
import pytest

from friendfoe.evaluation.intervals import wilson
from friendfoe.evaluation.mean_over_classes import mean_of_shares, weakest_tenth


def test_of_a_single_class_it_is_wilsons():
    mean, interval = mean_of_shares([7], [10])
    assert mean == 0.7
    assert interval == pytest.approx([float(end) for end in wilson(7, 10)])


def test_every_class_counts_as_much_as_the_others():
    mean, (low, high) = mean_of_shares([2, 0, 0], [2, 200, 0])
    assert mean == 0.5  # of all images it would be 0.01; a class without images does not count
    assert 0 <= low < 0.5 < high <= 1
    assert high - low > 0.4  # two images say little
    assert np.isnan(mean_of_shares([0], [0])[0])


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    n, truth = rng.integers(2, 80, 20), rng.beta(2, 1, 20)
    inside = 0
    for _ in range(400):
        _, (low, high) = mean_of_shares(rng.binomial(n, truth), n)
        inside += low <= truth.mean() <= high
    assert 0.93 <= inside / 400 <= 1


def test_the_weakest_tenth_lies_between_its_estimates():
    rng = np.random.default_rng(1)
    truth, images = np.linspace(0.3, 0.6, 40), 30
    labels = np.repeat(np.arange(40), images)
    found = [weakest_tenth(rng.random(len(labels)) < truth[labels], labels) for _ in range(40)]
    assert {one.classes for one in found} == {4}
    assert np.mean([one.chosen for one in found]) < truth[:4].mean() < np.mean([one.elsewhere for one in found])
    assert np.mean([one.interval[0] <= one.elsewhere <= one.interval[1] for one in found]) == 1


def test_the_halves_of_a_class_are_its_first_and_its_last_images():
    labels = np.repeat(np.arange(10), 4)
    right = np.ones(40, dtype=bool)
    right[8:10] = False  # the first half of class 2, which is chosen by it and is right on the other
    right[14:16] = False  # the last half of class 3, likewise
    assert weakest_tenth(right, labels).elsewhere == 1
    assert weakest_tenth(right, labels).chosen == 0.5


def test_fewer_than_ten_classes_have_no_tenth():
    labels = np.repeat(np.arange(9), 5)
    assert weakest_tenth(np.ones(45, dtype=bool), labels) is None
    single = np.append(labels, 9)  # a class of one image has no halves
    assert weakest_tenth(np.ones(46, dtype=bool), single) is None
