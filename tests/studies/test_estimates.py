import numpy as np
import pandas as pd
import pytest

from friendfoe.studies.classes import class_table
from friendfoe.studies.comparison import comparison
from friendfoe.studies.estimates import accuracies, accuracy_estimates, over_replicates, shown
from friendfoe.studies.rounding import rounding_table


def counts(*rows):
    columns = ["model", "replicate", "condition", "pixels", "class", "n", "correct"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def evaluations():
    return counts(
        ("a", 0, "clean", "uint8", "0", 10, 9),
        ("a", 0, "clean", "uint8", "1", 30, 15),
        ("a", 1, "clean", "uint8", "0", 10, 7),
        ("a", 1, "clean", "uint8", "1", 30, 15),
        ("a", 0, "fgsm", "uint8", "0", 10, 1),
        ("a", 1, "fgsm", "uint8", "0", 10, 2),
        ("a", 0, "fgsm", "float", "0", 10, 1),
        ("a", 1, "fgsm", "float", "0", 10, 1),
    )


def test_classes_are_summed_and_not_averaged(evaluations):
    assert accuracies(evaluations).xs(("a", "clean")).tolist() == [24 / 40, 22 / 40]
    assert accuracies(evaluations, "class").xs(("a", "clean", "0")).tolist() == [0.9, 0.7]


def test_interval_is_students_t(evaluations):
    row = over_replicates(accuracies(evaluations)).loc[("a", "clean")]
    half = 12.706 * np.std([0.6, 0.55], ddof=1) / np.sqrt(2)
    assert row["mean"] == pytest.approx(0.575)
    assert row["high"] - row["mean"] == pytest.approx(half, rel=1e-4)
    assert row["replicates"] == 2


def test_missing_estimates_are_dashes(evaluations):
    assert shown(over_replicates(accuracies(evaluations)), "b", "clean") == "–"


def test_class_table_has_wilson_intervals_in_its_numbers(evaluations):
    estimates = accuracy_estimates(evaluations, "class")
    table = class_table("classes", estimates, {"a": "A"}, {"clean": "clean test"}, ["0", "1"])
    assert table.cells.index.tolist() == ["0", "1"]
    assert table.cells.iloc[1, 0] == "0.500 ± 0.000"
    row = estimates.loc[("a", "clean", "1")]
    assert row["n"] == 30
    assert row["wilson_low"] < 0.5 < row["wilson_high"]
    assert "the widest is ± 0.2" in table.notes[0]


def test_rounding_is_shown_only_where_it_matters(evaluations):
    table = rounding_table(evaluations, {"a": "A"}, {"fgsm": "attacked"})
    assert table.cells.index.tolist() == ["A: attacked"]
    assert table.cells["as crafted (float)"].tolist() == ["0.1000 ± 0.0000"]
    same = evaluations[(evaluations["condition"] == "clean") | (evaluations["replicate"] == 0)]
    table = rounding_table(same, {"a": "A"}, {"clean": "clean", "fgsm": "attacked"})
    assert table.cells.empty
    assert "changes no accuracy" in table.notes[0]


def published(**columns):
    row = {"data": "X", "model": "a", "condition": "clean", "value": 0.61, "verified": True, "citation": "here"}
    return pd.DataFrame([row | columns])


def compared(evaluations, theirs, data="x"):
    estimates = accuracy_estimates(evaluations)
    conditions = {"clean": "clean test", "fgsm": "attacked test"}
    return comparison("t", "T", estimates, theirs, data=data, rows=conditions, columns={"a": "A", "b": "B"})


def test_published_numbers_stand_beside_ours(evaluations):
    table = compared(evaluations, published())
    assert table.cells.columns.tolist() == [("A", "ours"), ("A", "published"), ("B", "ours")]
    assert table.cells["A", "published"].tolist() == ["0.6100", "–"]
    assert table.data.set_index(["model", "condition"]).loc[("a", "clean"), "citation"] == "here"
    assert not table.muted
    assert ("A", "published (X)") in compared(evaluations, published(), data="y").cells.columns


def test_unverified_numbers_are_grey(evaluations):
    table = compared(evaluations, published(verified=False))
    assert table.cells["A", "published"].tolist() == ["(0.6100)", "–"]
    assert table.muted == {(0, 1)}
    assert "not verified" in table.notes[1]
