"""What the README shows is what the reports hold and what the Makefile offers."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ROWS = {  # the README's words -> the report's
    "clean": "clean test",
    "assistive, crafted on A": "assistive test, on A",
    "attacked, crafted on A": "attacked test, on A",
    "attacked, crafted on itself": "attacked test, on itself",
}


def cells(lines, heading):
    """The cells of the row of a Markdown table that has this heading."""
    return [cell.strip() for cell in next(line for line in lines if line.startswith(f"| {heading} ")).split("|")[2:-1]]


@pytest.mark.parametrize("label", ROWS)
def test_the_result_table_is_that_of_the_report(label):
    """As the report shows it, digit by digit: a number that is rounded twice differs from one that is rounded once."""
    lines = (ROOT / "reports/fashion_mnist/assistive/tables/table-1.md").read_text().splitlines()
    report = dict(zip(cells(lines, "input images"), cells(lines, ROWS[label]), strict=True))
    columns = [f"{model}, {kind}" for model in "ABC" for kind in ("ours", "published")]
    assert cells(README.splitlines(), label) == [report[column] for column in columns]


def test_the_budget_is_that_of_the_params():
    from friendfoe.plan.params import read_root

    settings = read_root(ROOT / "params.yaml").data["fashion_mnist"]
    assert f"{settings.replicates} replicates, {settings.training.epochs} epochs" in README


def test_its_make_targets_and_paths_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE)) <= targets
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / path.split("#")[0]).exists(), path
