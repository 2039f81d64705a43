from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from friendfoe.evaluation.intervals import wilson
from friendfoe.evaluation.outcomes import Outcomes, stacked
from friendfoe.evaluation.sample import Sample, highest, lowest, mean


def outcomes(values, images="test", samples=None):
    values = np.asarray(values, dtype=np.float32)
    rows = np.arange(values.shape[1]) if samples is None else np.asarray(samples)
    return Outcomes(images, rows, np.zeros(len(rows), dtype=np.int64), values)


def drawn(rng, replicates, images, rate, unequal=2.0, luck=0.1):
    """Right answers of networks whose replicates differ by `luck`, on images that are `unequal`ly hard."""
    scale = np.sqrt(1 + unequal**2 + luck**2)
    hard, lucky = rng.standard_normal(images), rng.standard_normal((replicates, 1))
    noise = rng.standard_normal((replicates, images))
    return special.ndtri(rate) * scale + unequal * hard + luck * lucky + noise > 0


def test_a_share_of_replicates_and_images_by_hand():
    table = [[1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 0, 0]]
    sample = Sample.of(outcomes(table))
    assert sample.values == pytest.approx([0.75, 0.5, 0.5])
    # by the two-way table: what replicates differ by, less the interaction; what images differ by
    y = np.array(table, dtype=float)
    rows, columns, grand = y.mean(1, keepdims=True), y.mean(0, keepdims=True), y.mean()
    interaction = ((y - rows - columns + grand) ** 2).sum() / (2 * 3) / 12
    between = max(rows.var(ddof=1) / 3 - interaction, 0)
    by_images = columns.var(ddof=1) / 4 + 0.1 / 16
    assert sample.variances == pytest.approx((between, by_images))


def test_images_alone_give_wilsons_interval():
    """Replicates that agree on every image are one."""
    row = np.arange(400) < 300
    one = Sample.of(outcomes([row] * 4)).estimate()
    low, high = wilson(300, 400)
    assert (one.mean, one.replicates, one.images) == (0.75, 4, 400)
    assert (one.low, one.high) == pytest.approx((low, high), abs=0.001)


def test_replicates_alone_give_the_t_interval():
    values = [0.1, 0.4, 0.3]
    one = Sample.of_replicates(values).estimate()
    assert (one.low, one.high) == pytest.approx(stats.t.interval(0.95, 2, np.mean(values), stats.sem(values)))


def test_on_the_bound_it_is_still_not_sure():
    one = Sample.of(outcomes(np.ones((3, 50)))).estimate()
    assert (one.mean, one.high) == (1, 1)
    assert one.low == pytest.approx(wilson(50, 50)[0], abs=0.005)


def test_differences_are_paired_over_images():
    rng = np.random.default_rng(0)
    one = drawn(rng, 5, 400, 0.7)
    other = one.copy()
    other[:, :8] = ~one[:, :8]
    paired = (Sample.of(outcomes(one)) - Sample.of(outcomes(other))).estimate()
    apart = (Sample.of(outcomes(one)) - Sample.of(outcomes(other, "other"))).estimate()
    assert paired.high - paired.low < (apart.high - apart.low) / 3


def test_differences_are_paired_by_the_images_identity():
    rng = np.random.default_rng(0)
    table = drawn(rng, 3, 60, 0.6)
    shuffled = rng.permutation(60)
    whole = Sample.of(outcomes(table))
    difference = whole - Sample.of(outcomes(table[:, shuffled], samples=shuffled))
    assert difference.values == pytest.approx([0, 0, 0])
    assert difference.variances[1] == pytest.approx(2 * 0.1 / 60**2)  # what stays for images never seen
    part = Sample.of(outcomes(table[:, :30]))
    assert set((whole - part).influences["test"].samples) == set(range(60))


def test_arithmetic_agrees_with_numbers():
    rng = np.random.default_rng(1)
    a, b = (Sample.of(outcomes(drawn(rng, 4, 90, rate))) for rate in (0.4, 0.7))
    assert (a + b).values == pytest.approx(a.values + b.values)
    assert (1 - a).values == pytest.approx(1 - a.values)
    assert (a / b).values == pytest.approx(a.values / b.values)
    assert (2 / b).values == pytest.approx(2 / b.values)
    assert (a * b).values == pytest.approx(a.values * b.values)
    assert mean([a, b, b]).values == pytest.approx((a.values + 2 * b.values) / 3)
    assert lowest([b, a]).values == pytest.approx(np.minimum(a.values, b.values))
    assert highest([b, a]).values == pytest.approx(np.maximum(a.values, b.values))


@pytest.mark.parametrize("function", [lambda a, b: a / b, lambda a, b: a * b - b, lambda a, b: (1 - a) / (a + b)])
def test_influences_are_derivatives(function):
    """Leaving an image out changes the value by its influence, as a jackknife has it."""
    rng = np.random.default_rng(2)
    tables = [drawn(rng, 3, 300, rate) for rate in (0.4, 0.7)]
    whole = function(*(Sample.of(outcomes(table)) for table in tables))
    for left_out in (0, 7, 123):
        rest = np.delete(np.arange(300), left_out)
        without = function(*(Sample.of(outcomes(table[:, rest], samples=rest)) for table in tables))
        expected = whole.influences["test"].shares[:, left_out]
        assert (whole.values - without.values) * 299 / 300 == pytest.approx(expected, abs=3e-5)


def test_images_that_were_not_asked_do_not_count():
    one = Sample.of(outcomes([[1, 0, np.nan, 1], [1, np.nan, 0, 0]]))
    assert one.values == pytest.approx([2 / 3, 1 / 3])
    assert one.influences["test"].shares.sum(axis=1) == pytest.approx([0, 0])


def test_a_single_replicate_leaves_it_open():
    one = Sample.of(outcomes([[1, 0, 1]])).estimate()
    assert (one.low, one.high) == (-np.inf, np.inf) or (one.low, one.high) == (0, 1)


def test_error_rates_are_those_of_the_interval():
    rng = np.random.default_rng(3)
    one = Sample.of(outcomes(drawn(rng, 5, 200, 0.6)))
    p = one.p_above(0.5)
    assert one.estimate(1 - p * 1.01).low > 0.5 > one.estimate(1 - p * 0.99).low
    assert one.p_above(0.99) == 1


def coverage(rng, replicates, images, rate, unequal, luck, times):
    """How often the interval holds the rate, which is another one each time: counts are few, and would favour some."""
    inside = 0
    for _ in range(times):
        truth = rate * np.exp(rng.uniform(-0.3, 0.3)) if rate < 0.5 else 1 - (1 - rate) * np.exp(rng.uniform(-0.3, 0.3))
        one = Sample.of(outcomes(drawn(rng, replicates, images, truth, unequal, luck))).estimate()
        inside += one.low <= truth <= one.high
    return inside / times


CELLS = [(n, images, rate) for n in (3, 5, 10) for images in (100, 1000) for rate in (0.02, 0.5, 0.9, 0.98)]


@pytest.mark.parametrize(("replicates", "images", "rate"), CELLS)
def test_intervals_hold_the_truth_as_often_as_they_say(replicates, images, rate):
    rng = np.random.default_rng([replicates, images, round(100 * rate)])
    times = 600 if images == 100 else 300
    held = np.mean([coverage(rng, replicates, images, rate, 2.0, luck, times) for luck in (0.0, 0.1, 0.2)])
    error = 2.5 * np.sqrt(0.05 * 0.95 / (3 * times))  # of the simulation
    assert 0.93 - error <= held <= 0.97 + error


@pytest.mark.slow
@pytest.mark.parametrize("replicates", [3, 5, 10])
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5, 0.9, 0.98])
@pytest.mark.parametrize("unequal", [1.0, 2.0, 4.0])
def test_intervals_hold_on_ten_thousand_images(replicates, rate, unequal):
    rng = np.random.default_rng([replicates, round(100 * rate), round(unequal)])
    held = np.mean([coverage(rng, replicates, 10_000, rate, unequal, luck, 250) for luck in (0.0, 0.05, 0.1)])
    assert 0.93 - 0.02 <= held <= 0.97 + 0.02


def test_differences_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(4)
    held = []
    for replicates, images in ((3, 300), (5, 100), (10, 1000)):
        inside = 0
        for _ in range(500):
            hard = rng.standard_normal(images)
            tables = []
            for shift in (0.3, 0.8):
                lucky = 0.15 * rng.standard_normal((replicates, 1))
                tables.append(shift * np.sqrt(5) + 2 * hard + lucky + rng.standard_normal((replicates, images)) > 0)
            one = (Sample.of(outcomes(tables[1])) - Sample.of(outcomes(tables[0]))).estimate()
            scale = np.sqrt(5 / (5 + 0.15**2))
            truth = special.ndtr(0.8 * scale) - special.ndtr(0.3 * scale)
            inside += one.low <= truth <= one.high
        held.append(inside / 500)
    assert 0.93 - 0.02 <= np.mean(held) <= 0.97 + 0.02


def test_what_is_compared_with_itself_is_unchanged():
    table = outcomes(drawn(np.random.default_rng(5), 3, 40, 0.5))
    assert (Sample.of(table) - Sample.of(table)).unchanged
    assert not (Sample.of(table) - 0.5).unchanged
    assert (Sample.of(outcomes(np.zeros((3, 9)))) - Sample.of(outcomes(np.zeros((3, 9))))).pinned


def test_stacked_replicates_must_have_the_same_keys():
    key = ("accuracy", "a", "clean")
    good = stacked("test", [4, 2], [0, 1], [{key: [1, 0]}, {key: [0, 0]}])
    assert good[key].values.tolist() == [[1, 0], [0, 0]]
    with pytest.raises(ValueError, match="same keys"):
        stacked("test", [4, 2], [0, 1], [{key: [1, 0]}, {}])


def test_what_is_evidence_for_nothing_makes_nothing_else_evidence():
    void = replace(Sample.of_replicates([1.0, 2.0, 3.0]), void="it has learned nothing")
    sound = Sample.of_replicates([1.0, 1.0, 2.0])
    for derived in (void - sound, sound - void, sound / void, 2 * void, mean([sound, void]), lowest([void, sound + 5])):
        assert derived.void == "it has learned nothing"
    assert not lowest([void + 5, sound]).void  # of it nothing is left
