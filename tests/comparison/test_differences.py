"""The difference of two numbers: scipy's tests are the judges, and chance alone is seldom taken for more."""

import numpy as np
import pytest
from scipy import stats

from friendfoe.comparison.differences import difference
from friendfoe.comparison.numbers import Number
from friendfoe.studies.claims import holm


def number(values, images=0):
    values = tuple(float(value) for value in values)
    return Number(sum(values) / len(values), values, images=images)


@pytest.mark.parametrize("shift", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("spread", [0.05, 1.0])
def test_pairs_and_groups_are_students_and_welchs(shift, spread):
    draw = np.random.default_rng(0)
    a = draw.normal(10, 1, 6)
    b = a + shift + draw.normal(0, spread, 6)
    pairs, groups = stats.ttest_rel(b, a), stats.ttest_ind(b, a, equal_var=False)
    found = difference(number(a), number(b), paired=False)
    assert found.p == pytest.approx(groups.pvalue)
    interval = groups.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    found = difference(number(a), number(b))
    assert found.p == pytest.approx(min(1, 2 * min(pairs.pvalue, groups.pvalue)))
    interval = min((pairs, groups), key=lambda one: one.pvalue).confidence_interval(0.95)
    assert (found.mean, found.low, found.high) == pytest.approx((b.mean() - a.mean(), interval.low, interval.high))


def test_replicates_that_all_move_by_an_image_say_little_and_by_many_a_lot():
    a = np.array([190, 195, 188, 191, 199]) / 200
    assert difference(number(a, 200), number(a - 1 / 200, 200)).p > 0.1
    assert difference(number(a, 200), number(a - 0.1, 200)).p < 1e-5
    gains = a - a.mean().round(2)  # differences of shares, also below 0
    assert difference(number(gains, 200), number(gains - 1 / 200, 200)).p > 0.1
    assert difference(number(a), number(a - 1 / 200)).p < 0.001  # of what rests on no images, it is certain


def test_what_is_the_same_or_missing():
    a, nothing = number([0.5, 0.6]), Number(float("nan"))
    assert difference(a, a).p == 1
    assert difference(nothing, nothing).p == 1
    assert difference(a, nothing).p == 0
    assert difference(a, number([0.500001, 0.6])).p == 1  # six digits are written


def test_without_values_the_intervals_are_compared_and_without_these_the_images():
    one, other = Number(0.5, low=0.4, high=0.6), Number(0.9, low=0.85, high=0.95)
    found = difference(one, other)
    assert found.p == pytest.approx(2 * stats.norm.sf(0.4 / (np.hypot(0.1, 0.05) / stats.norm.ppf(0.975))))
    few, many = (difference(Number(0.5, images=n), Number(0.6, images=n)).p for n in (50, 5000))
    assert few > 0.1
    assert many < 1e-6
    unknown = difference(Number(3.0), Number(4.0)).p
    assert unknown != unknown


def test_chance_alone_is_seldom_taken_for_more_and_a_change_of_all_replicates_is_found():
    """Seeds that have something in common and seeds that have not: a false alarm in at most a run of twenty."""
    draw = np.random.default_rng(1)
    alarms, found, runs, cells = 0, 0, 60, 60
    for run in range(runs):
        common = draw.normal(0, 0.02, (cells, 5)) * (run % 2)
        a, b = (0.8 + common + draw.normal(0, 0.01, (cells, 5)) for _ in range(2))
        b[0] -= 0.1
        p = holm([difference(number(one), number(other)).p for one, other in zip(a, b, strict=True)])
        found += p[0] <= 0.05
        alarms += min(p[1:]) <= 0.05
    assert alarms <= 0.1 * runs  # 3 expected at most
    assert found >= 0.9 * runs
