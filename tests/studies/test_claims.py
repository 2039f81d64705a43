import numpy as np
import pytest
from scipy import stats

from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.evaluation.rank_correlation import rank_correlation
from friendfoe.evaluation.sample import Sample
from friendfoe.studies.claims import Verdict, above, below, claim, holm, judge, within
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.expressions import mean, value
from friendfoe.studies.verdicts import verdict_cards, verdict_table

X, Y = value("x", "m", "c"), value("y", "m", "c")


def evidence(x, y=None, bounds=(-np.inf, np.inf)):
    samples = {("x", "m", "c"): Sample.of_replicates(x, bounds)}
    return Evidence(samples=samples if y is None else samples | {("y", "m", "c"): Sample.of_replicates(y, bounds)})


def bits(*tables):
    """Evidence of outcomes: the table [replicates, images] of each of the metrics x, y, ..."""
    arrays = [np.asarray(table, dtype=np.float32) for table in tables]
    n = arrays[0].shape[1]
    truth = np.zeros(n, dtype=np.int64)
    found = {
        (name, "m", "c"): Outcomes("test", np.arange(n), truth, table)
        for name, table in zip("xyz", arrays, strict=False)
    }
    return Evidence(found, classes=["a", "b"])


def judged(of, *parts, **settings):
    return judge([claim("It is so", "table 1", *parts)], of, **settings)[0]


def verdict(of, *parts, **settings):
    return judged(of, *parts, **settings).verdict


@pytest.mark.parametrize(
    ("part", "values", "expected"),
    [
        (above("x", X, 0.25), [0.30, 0.31, 0.32], Verdict.REPRODUCED),
        (above("x", X, 0.25), [0.10, 0.11, 0.12], Verdict.CONTRADICTED),
        (above("x", X, 0.25), [0.20, 0.26, 0.32], Verdict.INCONCLUSIVE),
        (below("x", X, 0.25), [0.10, 0.11, 0.12], Verdict.REPRODUCED),
        (below("x", X, 0.25), [0.30, 0.31, 0.32], Verdict.CONTRADICTED),
        (within("x", X, 0.02), [-0.001, 0.0, 0.001], Verdict.REPRODUCED),
        (within("x", X, 0.02), [0.049, 0.05, 0.051], Verdict.CONTRADICTED),
        (within("x", X, 0.02), [-0.051, -0.05, -0.049], Verdict.CONTRADICTED),
        (within("x", X, 0.02), [0.01, 0.02, 0.03], Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_is_that_of_the_interval(part, values, expected):
    assert verdict(evidence(values), part) is expected


def test_just_beyond_the_threshold_contradicts_nothing():
    """The margin is part of the claim: 0.2499 is not 0.25, and no contradiction of it either."""
    values = [0.24989, 0.2499, 0.24991]
    assert verdict(evidence(values), above("x", X, 0.25, margin=0.01)) is Verdict.INCONCLUSIVE
    assert verdict(evidence(values), above("x", X, 0.25, margin=0.00001)) is Verdict.CONTRADICTED


@pytest.mark.parametrize(("values", "words"), [([0.9], "1 replicate;"), ([0.9, 0.91], "2 replicates;"), ([], "0 rep")])
def test_fewer_than_three_replicates_decide_nothing(values, words):
    one = judged(evidence(values), above("x", X, 0.1))
    assert one.verdict is Verdict.UNTESTABLE
    assert words in one.findings[0].reason


def test_a_floor_is_not_a_contradiction():
    """The weakest class has accuracy 0 before and after: nothing could have changed."""
    zeros = np.zeros((3, 40))
    one = judged(bits(zeros, zeros), above("gain", X - Y, 0))
    assert (one.verdict, one.findings[0].reason) == (
        Verdict.UNTESTABLE,
        "every replicate lies on the same bound, 0",
    )
    assert verdict(bits(zeros), above("share", X, 0.5)) is Verdict.UNTESTABLE
    assert verdict(bits(np.ones((3, 500))), above("share", X, 0.5)) is Verdict.REPRODUCED


def test_a_model_is_not_compared_with_itself():
    table = np.arange(120).reshape(3, 40) % 3 == 0
    one = judged(bits(table, table), above("gain", X - Y, 0))
    assert one.verdict is Verdict.UNTESTABLE
    assert "nothing was changed" in one.findings[0].reason


def test_few_images_leave_it_open():
    """Replicates that agree on 3 of 12 images say as little as these 12 images do."""
    of = lambda images: bits(np.tile(np.arange(images) % 4 == 0, (5, 1)))  # noqa: E731
    assert verdict(of(12), below("share", X, 0.35)) is Verdict.INCONCLUSIVE
    assert verdict(of(1200), below("share", X, 0.35)) is Verdict.REPRODUCED


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1, 1])
    assert holm([]) == []


def test_verdicts_are_corrected_for_their_number():
    values = np.array([0.32, 0.40, 0.36])
    t = stats.ttest_1samp(values, 0.25).pvalue
    alone = judged(evidence(values), above("x", X, 0.25)).findings[0]
    assert alone.p == pytest.approx(t, rel=1e-6)
    assert (t < 0.05, alone.verdict) == (True, Verdict.REPRODUCED)
    among = judged(evidence(values), *[above("x", X, 0.25)] * 3).findings[0]
    assert among.p == pytest.approx(3 * t, rel=1e-6)
    assert among.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("ours", "published", "comparable", "expected"),
    [
        (0.17, 0.68, True, Verdict.SMALLER),
        (0.17, 0.68, False, Verdict.REPRODUCED),
        (0.17, 0.05, True, Verdict.LARGER),
        (0.17, 0.17, True, Verdict.REPRODUCED),
        (-0.17, 0.68, True, Verdict.CONTRADICTED),
    ],
)
def test_direction_and_size_are_two_things(ours, published, comparable, expected):
    values = np.array([-0.002, 0, 0.002]) + ours
    known = evidence([published])
    assert verdict(evidence(values), above("x", X, size=True), published=known, comparable=comparable) is expected


def test_of_what_is_claimed_to_be_below_more_is_further_below():
    known = evidence([-0.1])
    of = evidence([-0.301, -0.3, -0.299])
    assert verdict(of, below("x", X, size=True), published=known, comparable=True) is Verdict.LARGER
    of = evidence([-0.051, -0.05, -0.049])
    assert verdict(of, below("x", X, size=True), published=known, comparable=True) is Verdict.SMALLER


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        ((0.1, 0.2), Verdict.REPRODUCED),
        ((0.1, 0.9), Verdict.CONTRADICTED),
        ((0.1, 0.31), Verdict.INCONCLUSIVE),
        ((0.9, 0.31), Verdict.CONTRADICTED),
    ],
)
def test_all_parts_must_hold(thresholds, expected):
    assert verdict(evidence([0.30, 0.31, 0.32]), *(above("x", X, t) for t in thresholds)) is expected


def test_a_claim_is_not_reproduced_where_a_part_cannot_be_tested():
    of = evidence([0.3, 0.31, 0.32], [0.2, 0.2])
    assert verdict(of, above("x", X), above("y", Y)) is Verdict.INCONCLUSIVE
    assert verdict(of, above("y", Y), above("y", Y, 0.1)) is Verdict.UNTESTABLE


def test_what_has_no_value_in_a_replicate_cannot_be_tested():
    assert "no value" in judged(evidence([0.3, np.nan, 0.3]), above("x", X)).findings[0].reason


def test_published_values_stand_beside_and_do_not_judge():
    one = judged(evidence([0.1, 0.11, 0.12]), above("x", X, 0.5), published=evidence([0.9]))
    assert one.verdict is Verdict.CONTRADICTED
    assert one.findings[0].published == 0.9
    assert np.isnan(judged(evidence([0.1] * 3), above("x", X, 0.5), published=Evidence()).findings[0].published)


def test_expressions_are_arithmetic_and_say_so():
    of = evidence([0.2, 0.4, 0.6], [0.1, 0.1, 0.3])
    for expression, expected, text in (
        (X - Y, [0.1, 0.3, 0.3], "(x(m, c) − y(m, c))"),
        (1 - X / Y, [-1, -3, -1], "(1 − (x(m, c) / y(m, c)))"),
        (2 * X + Y, [0.5, 0.9, 1.5], "((x(m, c) · 2) + y(m, c))"),
        (mean(X, Y), [0.15, 0.25, 0.45], "mean(x(m, c), y(m, c))"),
    ):
        assert expression(of).values == pytest.approx(expected)
        assert str(expression) == text


def test_what_the_evidence_lacks_is_a_key_error():
    with pytest.raises(KeyError, match="no y of m under c"):
        judged(evidence([1, 2, 3]), above("y", Y))


def test_the_long_table_has_a_row_per_quantity_and_replicate():
    table = bits([[1, 0], [1, 1]]).also({("norm", "m", "last"): Sample.of_replicates([3.0, 4.0])}).table
    assert table.to_numpy().tolist() == [
        ["x", "m", "c", 0, 2, 0.5],
        ["x", "m", "c", 1, 2, 1.0],
        ["norm", "m", "last", 0, 0, 3.0],
        ["norm", "m", "last", 1, 0, 4.0],
    ]


def test_the_table_shows_each_verdict():
    """A report made from constructed evidence: each verdict, with what leads to it."""
    steady = np.array([-0.002, 0, 0.002])
    samples = {
        ("large", "m", "c"): 0.5, ("small", "m", "c"): 0.1, ("against", "m", "c"): -0.2, ("more", "m", "c"): 0.9,
    }  # fmt: skip
    of = Evidence(samples={key: Sample.of_replicates(steady + at) for key, at in samples.items()})
    of = of.also({("open", "m", "c"): Sample.of_replicates([-1.0, 0.2, 1.0])})
    of = of.also({("few", "m", "c"): Sample.of_replicates([0.2])})
    known = Evidence(samples={(name, "m", "c"): Sample.of_replicates([0.5]) for name in ("large", "small", "more")})
    names = ("large", "small", "more", "open", "against", "few")
    claims = [claim(name, "table 1", above(name, value(name, "m", "c"), size=True)) for name in names]
    judgements = judge(claims, of, known, comparable=True)
    table = verdict_table(judgements, "published (MNIST)")
    assert table.cells["verdict"].tolist() == [
        "reproduced",
        "direction reproduced, smaller than published",
        "direction reproduced, larger than published",
        "inconclusive",
        "contradicted",
        "cannot be tested here",
    ]
    assert table.cells["claimed"].tolist() == ["above 0"] * 6
    assert "Claim 6, few: 1 replicate; a verdict needs 3." in table.notes
    assert table.data["expression"][0] == "large(m, c)"
    assert [card["verdict"] for card in verdict_cards(judgements)] == table.cells["verdict"].tolist()


def test_table_holds_numbers_thresholds_and_readings():
    one = judged(evidence([0.30, 0.31, 0.32]), above("low", X, 0.1), above("high", X, 0.9, reading="0.9 is large"))
    table = verdict_table([one])
    assert table.cells["verdict"].tolist() == ["reproduced", "contradicted", "contradicted"]
    assert table.cells["claimed"].tolist() == ["above 0.1", "above 0.9", ""]
    assert table.data["mean"].tolist() == pytest.approx([0.31, 0.31])
    assert table.data["verdict_of_claim"].tolist() == ["contradicted"] * 2
    assert "Our reading: 0.9 is large." in table.notes


def test_an_order_of_fewer_than_four_classes_cannot_be_tested():
    def judged_over(*classes):
        correlation = rank_correlation([([[*classes]] * 3, [[*classes]] * 3)])
        of = Evidence(samples={("x", "m", "c"): correlation})
        return judge([claim("a claim", "p. 1", above("order", X))], of)[0].findings[0]

    assert judged_over(1, 2, 3).verdict is Verdict.UNTESTABLE
    assert judged_over(1, 2, 3).reason == "3 classes; a rank correlation over them needs 4"
    assert judged_over(*range(10)).verdict is Verdict.REPRODUCED
