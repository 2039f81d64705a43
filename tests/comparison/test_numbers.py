"""Tables as CSV: which columns say what is measured, and which rows of two tables belong together."""

import pytest

from friendfoe.comparison.numbers import Row, pairs, read


def test_a_number_has_the_values_of_its_replicates():
    (row,) = read(b"model,mean,low,high,replicates,n,values,published,verified\nA,0.5,0.4,0.6,2,30,0.4 0.6,0.7,True\n")
    assert row.labels == {"model": "A", "published": "0.7", "verified": "True"}
    assert (row.number.mean, row.number.values, row.number.images) == (0.5, (0.4, 0.6), 30)
    assert row.number.is_whole


@pytest.mark.parametrize(("mean", "values", "whole"), [
    ("0.5", "0.4 0.6", True), ("0.51", "0.4 0.6", False), ("0.500001", "0.4 0.600003", True), ("0.5", "", True),
    ("0.50001", "0.4 0.6", False), ("nan", "0.4 nan", True), ("-12.3457", "-12.3457 -12.3457", True),
    ("0", "-1e-7 1e-7", True),
])  # fmt: skip
def test_a_mean_that_is_not_that_of_its_values_is_seen(mean, values, whole):
    (row,) = read(f"model,mean,values\nA,{mean},{values}\n".encode())
    assert row.number.is_whole == whole


def test_rows_of_replicates_are_one_number():
    rows = read(b"metric,model,replicate,images,value\nacc,A,0,10,0.5\nacc,B,0,10,0.1\nacc,A,1,20,0.7\nacc,B,1,20,\n")
    assert [row.labels for row in rows] == [{"metric": "acc", "model": "A"}, {"metric": "acc", "model": "B"}]
    assert rows[0].number.values == (0.5, 0.7)
    assert rows[0].number.images == 15
    assert rows[1].number.mean != rows[1].number.mean


def test_counts_by_class_are_shares():
    (row,) = read(b"model,replicate,class,n,correct,confidence\nA,0,cat,4,1,0.9\nA,1,cat,4,3,nan\n")
    assert (row.labels, row.number.values) == ({"model": "A", "class": "cat"}, (0.25, 0.75))


def test_a_table_of_replicates_without_a_value_has_only_words():
    (row,) = read(b"model,replicate,weakest\nA,0,cat\n")
    assert row == Row({"model": "A", "replicate": "0", "weakest": "cat"})


def rows(*labels):
    return [Row(dict(enumerate(each))) for each in labels]


def test_rows_belong_together_by_labels_then_by_words_then_by_order():
    before = rows(("A", "1"), ("B (epochs 1, 2)", "2"), ("C", "x"), ("A", "1"))
    after = rows(("B (epochs 3, 4)", "2"), ("D", "y"), ("A", "1"), ("A", "1"))
    found = [(before.index(one), after.index(other)) for one, other in pairs(before, after)]
    assert found == [(0, 2), (1, 0), (2, 1), (0, 2)]


def test_rows_of_one_table_alone_are_told():
    before, after = rows(("A",), ("B",), ("C",)), rows(("A",), ("D",))
    found = [*pairs(before, after)]
    assert [(one is None, other is None) for one, other in found] == [
        (False, False),
        (False, True),
        (False, True),
        (True, False),
    ]
