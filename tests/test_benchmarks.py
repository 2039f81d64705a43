"""The page of the benchmark says what was measured."""

import json
from pathlib import Path

from benchmarks.report import page

HOME = Path(__file__).parents[1] / "benchmarks"


def test_the_page_is_that_of_the_results():
    assert (HOME / "README.md").read_text() == page(json.loads((HOME / "results.json").read_text()))
