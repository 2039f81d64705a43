"""Gradient checks as the files of their results have them: what a check says, and what became of each image."""

from enum import Enum

COLUMNS = ("model", "replicate", "check", "outcome", "question", "reason", "n", "margin", "measured", "value")
"""Of the table of checks: a row per number of each, or one where it has none."""

METRIC = "withstands"
"""Of outcomes: whether an image is right when it is clean, and after the attack that the condition names."""


class Outcome(str, Enum):
    """What a check says."""

    PASSED = "passed"
    FAILED = "failed"
    OPEN = "open"  # above the margin, but so few images can show that by chance
    NOT_RUN = "not run"
