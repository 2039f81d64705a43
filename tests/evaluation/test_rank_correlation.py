"""Correlations over classes: Spearman's by hand and by pandas, and intervals that cover what they say over classes."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from friendfoe.evaluation.rank_correlation import rank_correlation


def test_spearman_by_hand():
    # 1 - 6 sum d^2 / (n (n^2 - 1)) with n = 4
    correlation = rank_correlation([([[1, 2, 3, 4], [1, 2, 3, 4]], [[1, 2, 4, 3], [4, 3, 2, 1]])])
    assert correlation.values.tolist() == [pytest.approx(0.8), pytest.approx(-1)]
    assert correlation.images == 4


def test_ties_share_their_ranks_as_pandas_has_it():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 4, (2, 5, 12)).astype(float)
    expected = [pd.Series(a).corr(pd.Series(b), method="spearman") for a, b in zip(first, second, strict=True)]
    assert rank_correlation([(first, second)]).values == pytest.approx(expected)


def test_influences_are_those_of_leaving_each_class_out():
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=(2, 1, 6))
    influence = rank_correlation([(first, second)]).influences["classes"]
    without = np.array(
        [rank_correlation([(np.delete(first, k, 1), np.delete(second, k, 1))]).values[0] for k in range(6)]
    )
    assert influence.shares[0] == pytest.approx(5 / 6 * (without.mean() - without))
    assert influence.samples.tolist() == [*range(6)]


def test_a_class_without_a_value_takes_part_in_nothing():
    whole = rank_correlation([([[1, 2, 3, 4, 9]], [[1, 2, 4, 3, np.nan]])])
    assert whole.values.tolist() == [pytest.approx(0.8)]
    assert whole.influences["classes"].samples.tolist() == [0, 1, 2, 3]


def test_an_order_that_does_not_exist_is_left_out_of_a_mean_and_has_no_interval():
    order, alike = [[1.0, 2, 3, 4, 5]] * 3, [[0.0] * 5] * 3
    assert rank_correlation([(order, order), (order, alike)]).values.tolist() == [pytest.approx(1)] * 3
    nothing = rank_correlation([(order, alike)])
    assert np.isnan(nothing.values).all()
    assert (nothing.estimate().low, nothing.estimate().high) == (-1, 1)
    assert nothing.p_above(0) == 1


def test_few_classes_decide_nothing_however_many_networks_agree():
    of_three = rank_correlation([([[1, 2, 3]] * 10, [[1, 2, 3]] * 10)])
    three = of_three.estimate()
    assert (three.mean, three.low, three.high) == (1, -1, 1)
    assert of_three.void == "3 classes; a rank correlation over them needs 4"
    assert not rank_correlation([([[1, 2, 3, 4]] * 10, [[1, 2, 3, 4]] * 10)]).void
    ten = rank_correlation([([[*range(10)]] * 3, [[*range(10)]] * 3)])
    assert 0.9 < ten.estimate().low < 1  # all networks and all classes agree: Bonett and Wright's variance is left
    assert ten.p_above(0) < 0.001
    five = rank_correlation([([[*range(5)]] * 3, [[*range(5)]] * 3)])
    assert five.estimate().low < ten.estimate().low


def test_a_difference_of_correlations_is_paired_over_classes():
    generator = np.random.default_rng(2)
    first, second = generator.normal(size=(2, 4, 10))
    one = rank_correlation([(first, second)])
    difference = (one - one * 1.0).estimate()
    assert (difference.mean, difference.low, difference.high) == (0, 0, 0)


@pytest.mark.parametrize("replicates", [3, 5, 10])
@pytest.mark.parametrize(("measures", "latent"), [(2, 0.0), (2, 0.5), (2, 0.95), (4, 0.9)])
def test_intervals_cover_the_correlation_over_all_classes(measures, latent, replicates):
    """Ten classes drawn anew each time, with what networks differ by on top; nominal 95 %."""
    generator, draws, noise = np.random.default_rng(3), 400, 0.4
    shape = (draws, replicates, measures, 10)
    shared = np.sqrt(latent) * generator.normal(size=(draws, 1, 1, 10))
    own = np.sqrt(1 - latent) * generator.normal(size=(draws, 1, measures, 10))
    tables = shared + own + noise * generator.normal(size=shape)
    truth = 6 / np.pi * np.arcsin(latent / (1 + noise**2) / 2)  # of normal variables
    covered = 0
    for table in tables:
        pairs = [(table[:, i], table[:, j]) for i, j in combinations(range(measures), 2)]
        estimate = rank_correlation(pairs).estimate()
        covered += estimate.low <= truth <= estimate.high
    assert 0.925 <= covered / draws <= 0.985  # what 400 draws tell apart from 93 to 97 %
