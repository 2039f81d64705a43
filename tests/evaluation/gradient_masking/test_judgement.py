"""When a check has failed."""

import pytest
import torch

from friendfoe.evaluation.gradient_masking import Outcome
from friendfoe.evaluation.gradient_masking.check import judged, missed


@pytest.mark.parametrize(
    ("wrong", "n", "outcome"),
    [
        (2, 100, Outcome.PASSED),  # at the margin
        (3, 100, Outcome.OPEN),
        (4, 100, Outcome.OPEN),
        (5, 100, Outcome.FAILED),  # Wilson, 90 %: 0.0246 to 0.0995
        (30, 1000, Outcome.FAILED),  # 0.0224 to 0.0401
        (21, 1000, Outcome.OPEN),
        (1, 30, Outcome.OPEN),
        (2, 30, Outcome.FAILED),
        (0, 1, Outcome.PASSED),
    ],
)
def test_a_failure_lies_beyond_the_margin_and_beyond_chance(wrong, n, outcome):
    assert judged(wrong, n, 0.02) is outcome


def test_attacks_are_compared_image_by_image():
    """Two attacks that leave the same accuracy may still miss what the other finds."""
    one, other = torch.arange(100) < 50, torch.arange(100) >= 50
    check = missed("pair", "?", ("one", one), ("other", other), 0.02)
    assert check.outcome is Outcome.FAILED
    assert check.numbers == {"accuracy, one": 0.5, "accuracy, other": 0.5, "missed": 0.5}
    assert check.reason == "50 of 100 images fall to one and withstand other"
    assert missed("pair", "?", ("one", one), ("other", one), 0.02, "why").outcome is Outcome.NOT_RUN
    assert str(check).startswith("pair: failed; accuracy, one 0.5")
