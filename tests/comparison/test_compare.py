"""`friendfoe compare`: what differs between two runs, on the terminal, as CSV and on a page."""

from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from friendfoe.comparison.between import between
from friendfoe.comparison.runs import find
from friendfoe.console import app
from tests.comparison.conftest import git, values


class Cells(HTMLParser):
    """The texts of a page by the element that they stand in."""

    def __init__(self, page):
        super().__init__()
        self.open, self.found = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if data.strip():
            self.found.append((self.open[-1] if self.open else "", data.strip()))


@pytest.fixture
def worse(project, rerun):
    """A second run, in which a model is worse and a claim another one."""
    found = values(other_bits=1)
    found["model-2", "clean"] = found["model-2", "clean"] - 0.15
    rerun(found, verdict="contradicted", training={"epochs": 3})


def test_what_differs_is_said_and_stands_on_a_page(worse):
    done = CliRunner().invoke(app, ["compare", "main", "workspace", "--out", "out"])
    assert done.exit_code == 0, done.output
    said = done.stdout
    for line in (
        "assistive on digits: workspace against main (commit 0123456789 of 2026-11-26, a processor)",
        "  other settings: model: training.epochs 2 -> 3",
        "  table-1: 11 of 12 cells within their intervals",
        "  verdict reproduced → contradicted: All is well",
    ):
        assert line in said.splitlines()
    assert said.endswith("\npage: out/index.html\n")
    table = pd.read_csv("out/cells.csv")
    assert table[table["differs"]]["cell"].tolist() == ["model-2, clean", "model-2, clean, a", "model-2, clean, b"]
    assert len(table) == 36
    assert table.loc[table["differs"], "high"].max() < 0
    found = Cells(Path("out/index.html").read_text()).found
    assert ("h1", "main and workspace") in found
    assert ("td", "model-2, clean") in found
    assert ("li", "model: training.epochs 2 -> 3") in found
    assert [text for element, text in found if element == "span" and "contradicted" in text]


def test_the_other_way_round_it_differs_the_other_way(worse):
    (there,), (back,) = between(find("main"), find("workspace")), between(find("workspace"), find("main"))
    for one, other in zip(there.differing, back.differing, strict=True):
        assert one.difference.mean == -other.difference.mean
        assert (one.before, one.after, one.p) == (other.after, other.before, other.p)


def test_other_seeds_are_compared_as_groups(project, rerun):
    rerun(values(seed=1), seed=1)
    (found,) = between(find("main"), find("workspace"))
    assert not found.paired
    assert not found.differing
    assert "seeds are not the same" in CliRunner().invoke(app, ["compare", "main", "workspace"]).stdout


def test_names_are_shown_as_they_are(project, rerun):
    name = '<b>&"x"'
    rerun({(name, condition): one for (_, condition), one in values().items()})
    assert CliRunner().invoke(app, ["compare", "main", "workspace", "--out", "out"]).exit_code == 0
    page = Path("out/index.html").read_text()
    assert "<b>&" not in page
    assert any(text.startswith(name) for _, text in Cells(page).found)


def test_runs_without_a_common_report_are_told(project):
    other = Path("elsewhere/reports/mnist/fgsm/study.json")
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    done = CliRunner().invoke(app, ["compare", "main", "elsewhere"])
    assert done.exit_code == 1
    assert str(done.exception) == "main has no report of fgsm on mnist"
    git("tag", "then")
    assert CliRunner().invoke(app, ["compare", "then", "main", "digits"]).exit_code == 0
