"""Intervals against scipy's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from friendfoe.evaluation.intervals import mean_interval, wilson


@given(n=st.integers(1, 10_000), share=st.floats(0, 1), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys(n, share, level):
    k = round(n * share)
    expected = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    lower, upper = wilson(k, n, level)
    assert lower == pytest.approx(expected.low, abs=1e-12)
    assert upper == pytest.approx(expected.high, abs=1e-12)


def test_wilson_of_no_trials_says_nothing():
    lower, upper = wilson([0, 5], [0, 10])
    assert (lower[0], upper[0]) == (0, 1)
    assert 0 < lower[1] < 0.5 < upper[1] < 1


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
def test_mean_interval_is_scipys(values):
    mean, (lower, upper) = mean_interval(values)
    if np.std(values) > 1e-6:
        expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (lower, upper) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)
    assert lower <= mean <= upper or math.isclose(lower, upper)


def test_one_replicate_has_no_interval():
    assert mean_interval([0.5]) == (0.5, (-math.inf, math.inf))


def test_no_replicate_at_all_says_nothing():
    mean, interval = mean_interval([])
    assert np.isnan(mean)
    assert interval == (-np.inf, np.inf)
