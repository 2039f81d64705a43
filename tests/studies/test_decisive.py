"""What is said to decide an open verdict decides it, and less does not."""

import numpy as np
import pytest

from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.evaluation.rank_correlation import rank_correlation
from friendfoe.evaluation.sample import Sample
from friendfoe.studies.claims import Verdict, above, claim, judge, within
from friendfoe.studies.decisive import MARGIN, NOTHING, decisive
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.expressions import value
from friendfoe.studies.verdicts import verdict_cards, verdict_table

KEY = ("x", "m", "c")
X = value(*KEY)
ABOVE = {"low": 0.0, "high": np.inf, "margin": 0.01, "error_rate": 0.05}


def spread(replicates, mean, deviation):
    """Values of exactly this mean and standard deviation."""
    values = np.linspace(-1, 1, replicates)
    return mean + values / values.std(ddof=1) * deviation


def judged(sample, *parts):
    return judge([claim("It is so", "table 1", *parts)], Evidence(samples={KEY: sample}))[0]


@pytest.mark.parametrize(
    ("mean", "deviation", "part", "verdict"),
    [
        (0.1, 0.2, above("x", X), Verdict.REPRODUCED),
        (-0.1, 0.2, above("x", X), Verdict.CONTRADICTED),
        (0.01, 0.02, within("x", X, 0.03), Verdict.REPRODUCED),
        (0.06, 0.03, within("x", X, 0.03), Verdict.CONTRADICTED),
    ],
)
def test_so_many_replicates_decide_and_one_less_does_not(mean, deviation, part, verdict):
    one = judged(Sample.of_replicates(spread(3, mean, deviation)), part)
    needed = one.findings[0].decisive.replicates
    assert one.verdict is Verdict.INCONCLUSIVE
    assert needed > 3
    assert judged(Sample.of_replicates(spread(needed, mean, deviation)), part).verdict is verdict
    assert judged(Sample.of_replicates(spread(needed - 1, mean, deviation)), part).verdict is Verdict.INCONCLUSIVE


def test_so_many_images_decide():
    """Replicates that agree image by image: 11 of 20 right are no more than half, of as many times 20 they are."""

    def of(copies):
        right = np.tile(np.arange(20) < 11, (4, copies)).astype(np.float32)
        n = right.shape[1]
        return Sample.of(Outcomes("test", np.arange(n), np.zeros(n, dtype=np.int64), right))

    finding = judged(of(1), above("x", X, 0.5)).findings[0]
    needed = finding.decisive
    assert (finding.verdict, needed.replicates) == (Verdict.INCONCLUSIVE, None)
    assert judged(of(round(needed.images / 20 * 1.1)), above("x", X, 0.5)).verdict is Verdict.REPRODUCED
    assert judged(of(round(needed.images / 20 * 0.9)), above("x", X, 0.5)).verdict is Verdict.INCONCLUSIVE


def test_where_neither_is_enough_both_are():
    """Values that replicates and images differ by: with so many of both it is decided, with a tenth less it is not."""

    def of(replicates, images):
        values = spread(replicates, 0.05, 0.2)[:, None] + spread(images, 0, 0.4)
        return Sample.of(Outcomes("test", np.arange(images), np.zeros(images, dtype=np.int64), values))

    needed = decisive(of(3, 60), **ABOVE)
    n = needed.replicates
    assert needed.together
    assert needed.images == 20 * n
    assert (n, str(needed)) == (76, "about 76 replicates and 1 500 images in place of 60 would decide it")
    assert of(n, 20 * n).estimate().low > 0 > of(round(0.9 * n), 18 * n).estimate().low


def test_holm_asks_for_more_where_more_is_open():
    sample = Sample.of_replicates(spread(3, 0.1, 0.2))
    alone, among = judged(sample, above("x", X)), judged(sample, *[above("x", X)] * 4)
    assert alone.findings[0].decisive.replicates < among.findings[0].decisive.replicates


def test_what_lies_within_the_margin_is_never_decided():
    needed = decisive(Sample.of_replicates(spread(3, -0.005, 0.2)), **ABOVE)
    assert (needed.replicates, needed.images, str(needed)) == (None, None, MARGIN)


def test_there_are_no_more_classes():
    """Ten classes whose order says nothing: neither replicates nor images make it say more."""
    order = np.arange(10.0)
    correlation = rank_correlation([([order] * 3, [np.array([4, 0, 7, 2, 9, 1, 3, 8, 5, 6.0])] * 3)])
    needed = decisive(correlation, **ABOVE)
    assert (needed.replicates, needed.images, str(needed)) == (None, None, NOTHING)


def test_tables_and_pages_say_it():
    judgement = judged(Sample.of_replicates(spread(3, 0.1, 0.2)), above("gain", X))
    table, (card,) = verdict_table([judgement]), verdict_cards([judgement], seconds=600)
    needed = judgement.findings[0].decisive.replicates
    assert table.data["replicates_needed"].tolist() == [needed]
    assert table.data["images_needed"].isna().all()
    assert f"Claim 1, gain: about {needed} replicates would decide it." in table.notes
    more = f"{needed - 3} more replicates take about"
    assert card["open"][0].startswith(f"gain: about {needed} replicates would decide it ({more}")
    decided = judged(Sample.of_replicates(spread(3, 0.1, 0.001)), above("gain", X))
    assert "open" not in verdict_cards([decided])[0]
