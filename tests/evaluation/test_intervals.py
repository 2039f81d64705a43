"""Intervals against scipy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from friendfoe.evaluation.intervals import wilson


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
