"""Measures of the class-wise study against tables worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from friendfoe.studies.classwise import measures, tables
from friendfoe.studies.classwise.names import MODELS


def counts(table, n=10, model="m", replicate=0):
    """Correct answers out of n, by condition and class."""
    rows = [
        {"model": model, "condition": condition, "class": label, "replicate": replicate, "correct": correct, "n": n}
        for condition, row in table.items()
        for label, correct in zip("abcdefgh", row, strict=False)
    ]
    return measures.by_class(pd.DataFrame(rows))


def test_spread_by_hand():
    spread = measures.spread(counts({"pgd": [2, 5, 8]})).loc[("m", "pgd", 0)]
    assert spread["average"] == pytest.approx(0.5)
    assert spread["worst"] == pytest.approx(0.2)
    assert spread["discrepancy"] == pytest.approx(0.6)
    assert spread["variation"] == pytest.approx(np.sqrt((0.09 + 0 + 0.09) / 3) / 0.5)


def test_a_class_without_a_correct_image_is_the_weakest():
    spread = measures.spread(counts({"pgd": [0, 5]})).loc[("m", "pgd", 0)]
    assert spread["worst"] == 0
    spread = measures.spread(counts({"pgd": [0, 0]})).loc[("m", "pgd", 0)]
    assert (spread["average"], spread["discrepancy"]) == (0, 0)
    assert np.isnan(spread["variation"])


def test_a_class_that_is_missing_from_the_test_images_takes_part_in_nothing():
    with_hole = counts({"fgsm": [2, 0, 8, 6], "pgd": [1, 0, 6, 5]})
    with_hole.loc[(slice(None), slice(None), "b"), "n"] = 0
    with_hole = measures.by_class(with_hole.drop(columns="accuracy").reset_index())
    spread = measures.spread(with_hole).loc[("m", "fgsm", 0)]
    assert (spread["worst"], spread["discrepancy"]) == (pytest.approx(0.2), pytest.approx(0.6))
    correlation = measures.rank_correlation(with_hole["accuracy"], "condition", ["fgsm", "pgd"])
    assert correlation.to_list() == [pytest.approx(1)]
    gains = measures.gains(with_hole, {"fgsm": "pgd"}).iloc[0]
    assert (gains["weak"], gains["rest"]) == (pytest.approx(1 / 30), pytest.approx(3 / 30))


def test_chance_is_what_equal_classes_show():
    generator = np.random.default_rng(5)
    drawn = generator.binomial(20, 0.6, size=(4000, 10)) / 20
    assert measures.chance(np.full(10, 20), 0.6) == pytest.approx((drawn.max(1) - drawn.min(1)).mean(), abs=0.01)
    assert measures.chance(np.full(10, 20), 1.0) == 0
    assert measures.chance(np.full(1, 20), 0.5) == 0  # one class differs from nobody


def test_rank_correlation_by_hand():
    accuracy = counts({"fgsm": [1, 2, 3, 4], "pgd": [1, 2, 4, 3], "square": [4, 3, 2, 1]})["accuracy"]
    correlations = measures.rank_correlation(accuracy, "condition", ["fgsm", "pgd", "square"])
    # 1 - 6 sum d^2 / (n (n^2 - 1)) with n = 4
    assert correlations.loc[("fgsm", "pgd", "m", 0)] == pytest.approx(1 - 6 * 2 / 60)
    assert correlations.loc[("fgsm", "square", "m", 0)] == pytest.approx(-1)
    assert correlations.loc[("pgd", "square", "m", 0)] == pytest.approx(-0.8)


def test_an_order_that_does_not_exist_has_no_correlation():
    accuracy = counts({"fgsm": [1, 2, 3], "pgd": [0, 0, 0]})["accuracy"]
    assert measures.rank_correlation(accuracy, "condition", ["fgsm", "pgd"]).isna().all()


def test_correlation_across_defences():
    both = pd.concat([counts({"pgd": [1, 2, 3]}, model="m"), counts({"pgd": [9, 6, 3]}, model="k")])
    assert measures.rank_correlation(both["accuracy"], "model", ["m", "k"]).to_list() == [pytest.approx(-1)]


def test_gains_by_hand():
    table = counts({"fgsm": [9, 3, 8, 4, 6], "pgd": [8, 0, 8, 2, 5]})
    gains = measures.gains(table, {"fgsm": "pgd"}).loc[("fgsm", "pgd", "m", 0)]
    assert gains["weak"] == pytest.approx((3 + 2) / 50)  # the two weakest of five: b and d
    assert gains["rest"] == pytest.approx((1 + 0 + 1) / 50)


def test_few_targets_by_hand():
    rows = [("a", "a", 5), ("a", "b", 3), ("a", "c", 1), ("a", "d", 1), ("b", "a", 2), ("b", "b", 9), ("b", "c", 2)]
    confusion = pd.DataFrame(rows, columns=["class", "answer", "n"]).assign(model="m", replicate=0)
    assert measures.few_targets(confusion, 1).to_list() == [pytest.approx((3 + 2) / 9)]
    assert measures.few_targets(confusion, 2).to_list() == [pytest.approx((3 + 1 + 2 + 2) / 9)]


def test_correlation_with_norms():
    index = pd.MultiIndex.from_product([["m"], list("abc"), [0]], names=["model", "class", "replicate"])
    robust, norms = pd.Series([0.1, 0.5, 0.9], index), pd.Series([1.0, 3.0, 2.0], index)
    assert measures.class_correlation(robust, norms).to_list() == [pytest.approx(0.5)]


def test_homing_rates_by_hand():
    rows = [("a", "a", 4, 3), ("a", "a", 6, 2), ("a", "b", 5, 1), ("b", "b", 10, 10)]
    homing = pd.DataFrame(rows, columns=["into", "without", "n", "home"]).assign(replicate=0)
    rates = measures.homing_rates(homing, "into")
    assert rates.loc[("a", 0)].to_list() == [10, pytest.approx(0.5), pytest.approx(0.2)]
    assert rates.loc[("b", 0), "home"] == 1
    assert np.isnan(rates.loc[("b", 0), "control"])
    assert measures.homing_rates(homing).loc[0, "home"] == pytest.approx(15 / 20)


def test_an_attack_that_should_be_stronger_and_is_not_is_marked():
    accuracy = {"fgsm": 0.7, "pgd": 0.6, "tpgd-2": 0.55, "tpgd-5": 0.5, "tpgd-10": 0.52, "tpgd-50": 0.58}
    rows = {
        (model, condition, replicate): value + 0.001 * replicate
        for model in MODELS
        for condition, value in {**accuracy, "autoattack": 0.53 if model == "mart" else 0.45}.items()
        for replicate in range(3)
    }
    series = pd.Series(rows)
    series.index.names = ["model", "condition", "replicate"]
    cells = tables.order_table(series).cells
    assert cells.loc["PGD-AT"].to_list() == ["0.050 ± 0.000 ✓", "0.100 ± 0.000 ✓", "0.100 ± 0.000 ✓", "0.150 ± 0.000 ✓"]
    assert cells.loc["MART"].iloc[0] == "-0.030 ± 0.000 ✗"
    assert cells.loc["MART"].iloc[3] == "0.070 ± 0.000 ✓"
