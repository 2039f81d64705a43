import numpy as np
import pandas as pd
import pytest

from friendfoe.evaluation.outcomes import Outcomes
from friendfoe.studies.estimates import accuracies, cell, over_replicates
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.tables import Comparison, class_table, numbers, rounding_table


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
    assert accuracies(evaluations, "uint8").xs(("a", "clean")).tolist() == [24 / 40, 22 / 40]


def test_interval_is_students_t(evaluations):
    row = over_replicates(accuracies(evaluations, "uint8")).loc[("a", "clean")]
    half = 12.706 * np.std([0.6, 0.55], ddof=1) / np.sqrt(2)
    assert row["mean"] == pytest.approx(0.575)
    assert row["high"] - row["mean"] == pytest.approx(half, rel=1e-4)
    assert row["replicates"] == 2


def test_missing_estimates_are_dashes(evaluations):
    assert cell(over_replicates(accuracies(evaluations, "uint8")), "b", "clean") == "–"


def test_a_cell_may_be_in_percent(evaluations):
    estimates = over_replicates(accuracies(evaluations, "float"))
    assert cell(estimates, "a", "fgsm", scale=100, digits=1) == "10.0 ± 0.0"


@pytest.fixture
def estimates():
    """Accuracies on ten images, half of them of class 1: nine and seven right as they are, one and two attacked."""
    labels = np.arange(10) % 2
    right = {"clean": (9, 7), "fgsm": (1, 2)}
    found = {
        ("accuracy", "a", name): Outcomes(
            "test", np.arange(10), labels, np.stack([np.arange(10) < count for count in counts]).astype(np.float32)
        )
        for name, counts in right.items()
    }
    return Evidence(found, classes=["0", "1", "none"])


def test_class_table_knows_of_the_images(estimates):
    by_class = estimates.estimates("accuracy", by_class=True)
    table = class_table(by_class, {"a": "A"}, {"clean": "clean test"}, ["0", "1", "none"])
    assert table.cells.index.tolist() == ["0", "1", "none"]
    assert table.cells.iloc[0, 0].startswith("0.900")
    assert table.cells.iloc[2, 0] == "–"
    row = by_class.loc[("a", "clean", "0")]
    assert (row["n"], row["replicates"]) == (5, 2)
    assert 0 <= row["low"] < 0.9 < row["high"] <= 1


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


def compared(estimates, known, heading="published"):
    comparison = Comparison(estimates.estimates("accuracy"), {heading: known})
    for model, title in {"a": "A", "b": "B"}.items():
        comparison.add(title, [(model, "clean"), (model, "fgsm")])
    return comparison


def test_published_numbers_stand_beside_ours(estimates):
    comparison = compared(estimates, published())
    assert list(comparison.cells) == [("A", "ours"), ("A", "published"), ("B", "ours")]
    assert comparison.cells["A", "published"] == ["0.6100", "–"]
    assert not comparison.muted
    assert ("A", "published (X)") in compared(estimates, published(), "published (X)").cells
    table = comparison.table("input images", ["clean test", "attacked test"], pd.DataFrame(), "a note")
    assert table.cells.loc["clean test", ("A", "published")] == "0.6100"
    assert table.notes == ("a note",)


def test_the_numbers_behind_a_comparison_are_ours_theirs_and_where_they_stand(estimates):
    keys = [("a", "clean"), ("a", "fgsm"), ("b", "clean")]
    table = numbers(estimates.estimates("accuracy"), keys, published()).set_index(["model", "condition"])
    assert table.index.tolist() == keys
    assert table.loc[("a", "clean"), "published"] == 0.61
    assert table.loc[("a", "clean"), "citation"] == "here"
    assert table.loc[("a", "fgsm"), "mean"] == pytest.approx(0.15)
    assert np.isnan(table.loc[("b", "clean"), "mean"])


def test_unverified_numbers_are_grey(estimates):
    comparison = compared(estimates, published(verified=False))
    assert comparison.cells["A", "published"] == ["(0.6100)", "–"]
    assert comparison.muted == {(0, 1)}
    assert comparison.table("x", ["clean", "fgsm"], pd.DataFrame()).muted == {(0, 1)}
