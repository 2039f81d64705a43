"""Counts per class against a table counted by hand."""

import math

import torch

from friendfoe.evaluation.classwise import COLUMNS, Subject, as_records, count

SUBJECT = Subject("d", "m", 0, "clean", "uint8")


def test_counts_by_hand():
    probabilities = torch.tensor([[0.9, 0.1, 0.0], [0.4, 0.6, 0.0], [0.2, 0.8, 0.0]])
    a, b, c = count(probabilities, torch.tensor([0, 0, 1]), ["a", "b", "c"], SUBJECT)
    assert (a.n, a.correct, round(a.confidence, 6), round(a.confidence_wrong, 6)) == (2, 1, 0.75, 0.6)
    assert (b.n, b.correct, round(b.confidence, 6)) == (1, 1, 0.8)
    assert math.isnan(b.confidence_wrong)  # no wrong answer
    assert (c.n, c.correct) == (0, 0)  # a class without images
    assert math.isnan(c.confidence)


def test_records_have_the_columns_of_the_table():
    rows = count(torch.eye(2), torch.tensor([0, 1]), ["a", "b"], SUBJECT)
    records = as_records(rows)
    assert records[0] == ("d", "m", 0, "clean", "uint8", "a", 1, 1, "1.000000", "nan")
    assert all(len(record) == len(COLUMNS) for record in records)
