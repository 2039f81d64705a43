import numpy as np
import pandas as pd
import pytest

from friendfoe.studies.claims import Claim, Part, Verdict, judge
from friendfoe.studies.verdicts import verdict_cards, verdict_table


def claim(*thresholds, above=True):
    parts = (Part(f"part {t}", lambda values: values, above, t, f"{t} is large") for t in thresholds)
    return Claim("It is so", "table 1", tuple(parts))


def verdict(values, *thresholds, above=True):
    return judge([claim(*thresholds, above=above)], pd.Series(values))[0].verdict


@pytest.mark.parametrize(
    ("above", "values", "expected"),
    [
        (True, [0.30, 0.31, 0.32], Verdict.REPRODUCED),
        (True, [0.10, 0.11, 0.12], Verdict.CONTRADICTED),
        (True, [0.20, 0.26, 0.32], Verdict.INCONCLUSIVE),
        (False, [0.10, 0.11, 0.12], Verdict.REPRODUCED),
        (False, [0.30, 0.31, 0.32], Verdict.CONTRADICTED),
        (False, [0.20, 0.26, 0.32], Verdict.INCONCLUSIVE),
        (True, [0.25, 0.25], Verdict.CONTRADICTED),  # claimed is above, and it is just at
        (True, [0.26, 0.26], Verdict.REPRODUCED),
        (True, [np.nan, 0.3], Verdict.INCONCLUSIVE),
    ],
)
def test_verdict_is_that_of_the_interval(above, values, expected):
    assert verdict(values, 0.25, above=above) is expected


def test_one_replicate_decides_nothing_and_says_so():
    judged = judge([claim(0.25)], pd.Series([0.9]))
    assert judged[0].verdict is Verdict.INCONCLUSIVE
    assert any("One replicate" in note for note in verdict_table(judged).notes)
    assert verdict_table(judged).cells["ours"].tolist() == ["0.900"]


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
    assert verdict([0.30, 0.31, 0.32], *thresholds) is expected


def test_published_values_stand_beside_and_do_not_judge():
    def measure(measurements):
        return measurements["a"]

    claims = [Claim("It is so", "table 1", (Part("a", measure, True, 0.5),))]
    ours = {"a": pd.Series([0.1, 0.1])}
    assert judge(claims, ours, {"a": pd.Series([0.9])})[0].verdict is Verdict.CONTRADICTED
    assert judge(claims, ours, {"a": pd.Series([0.9])})[0].findings[0].published == 0.9
    assert np.isnan(judge(claims, ours, {})[0].findings[0].published)


def test_table_holds_numbers_thresholds_and_readings():
    judged = judge([claim(0.1, 0.9)], pd.Series([0.30, 0.31, 0.32]))
    table = verdict_table(judged, ("a note",), source="published (MNIST)")
    assert table.cells["verdict"].tolist() == ["reproduced", "contradicted", "contradicted"]
    assert table.cells["claimed"].tolist() == ["above 0.1", "above 0.9", ""]
    assert "published (MNIST)" in table.cells
    assert table.data["mean"].tolist() == pytest.approx([0.31, 0.31])
    assert table.data["verdict_of_claim"].tolist() == ["contradicted"] * 2
    assert "Our reading: 0.9 is large." in table.notes
    assert table.notes[-1] == "a note"
    assert verdict_cards(judged)[0]["parts"][0][-1] == "reproduced"
