"""What the README shows is what the reports hold and what the Makefile offers."""

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ROWS = {
    "clean": "clean",
    "assistive, crafted on A": "assist",
    "attacked, crafted on A": "attack",
    "attacked, crafted on itself": "attack-self",
}


@pytest.mark.parametrize("label", ROWS)
def test_the_result_table_is_that_of_the_report(label):
    table = pd.read_csv(ROOT / "reports/fashion_mnist/assistive/tables/table-1.csv").set_index(["model", "condition"])
    line = next(line for line in README.splitlines() if line.startswith(f"| {label} |"))
    shown = [cell.strip() for cell in line.split("|")[2:-1]]
    expected = []
    for model in ("clean", "assist", "mixed"):
        row = table.loc[(model, ROWS[label])]
        expected += [f"{row['mean']:.3f} ± {(row['high'] - row['low']) / 2:.3f}", f"{row['published']:.4f}"]
    assert shown == expected


def test_the_budget_is_that_of_the_params():
    from friendfoe.plan.params import read_root

    settings = read_root(ROOT / "params.yaml").data["fashion_mnist"]
    assert f"{settings.replicates} replicates, {settings.training.epochs} epochs" in README


def test_its_make_targets_and_paths_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE)) <= targets
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / path.split("#")[0]).exists(), path
