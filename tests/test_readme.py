"""What README and the pages of studies show is what the reports hold, what the Makefile offers, and what runs."""

import doctest
import json
import re
import runpy
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

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


def test_what_it_says_of_the_likely_set_up_is_in_the_report():
    tables = ROOT / "reports/fashion_mnist/assistive/tables"
    likely = (tables / "likely-1.md").read_text().splitlines()
    clean, assisted, attacked = (
        cells(likely, f"{row}, unclipped")
        for row in ("clean test", "assistive test, on A", "attacked test, on itself and its answer")
    )
    a = [row[0].split()[0] for row in (clean, assisted, attacked)]
    said = " ".join(README.split())
    assert "({} clean, {} assistive, {} attacked away".format(*a) in said
    assert f"still {clean[2]} (" in said
    lowest = re.search(r"lowest accuracy of B on clean test images is (\S+);", (tables / "tried.md").read_text())
    assert f"it kept {lowest[1]} at least" in said


@pytest.mark.parametrize("defence", ["PGD-AT", "TRADES"])
def test_the_table_of_weak_classes_is_that_of_the_report(defence):
    tables = ROOT / "reports/cifar10/classwise/tables"
    lines = (tables / "comparators.md").read_text().splitlines()
    compared = dict(zip(cells(lines, "defence"), cells(lines, defence), strict=True))
    lines = (tables / "accuracy.md").read_text().splitlines()
    accuracy = dict(zip(cells(lines, "defence"), cells(lines, defence), strict=True))
    columns = [f"{what}, average, {whose}" for what in ("clean", "PGD") for whose in ("ours", "LetheSec")]
    expected = [compared[column] for column in columns]
    assert cells(README.splitlines(), defence) == [
        *expected,
        accuracy["T-PGD, 1/T = 10"],
        compared["PGD, weakest class, ours"],
    ]


@pytest.mark.parametrize(
    ("label", "table", "row", "column", "published"),
    [
        ("JSMA on the softmax: success", "resilience", "JSMA: success", "{}, ours", "{}, published"),
        ("share of features that it has to change", "resilience", "JSMA: robustness, share of features", "{}, ours",
         "{}, published"),
        ("JSMA on logits / T: success", "temperatures", "{}", "success of JSMA on other outputs, softmax of logits / T",
         None),
        ("CW-L2: success", "distances", "{}", "CW-L2: success, ours", "CW-L2: success, published"),
        ("CW-L2: mean distance", "distances", "{}", "CW-L2: mean distance, ours", "CW-L2: mean distance, published"),
    ],
)  # fmt: skip
def test_the_table_of_distillation_is_that_of_the_report(label, table, row, column, published):
    lines = (ROOT / f"reports/mnist/distillation/tables/{table}.md").read_text().splitlines()
    corner = "measure" if table == "resilience" else "network"
    expected = []
    for network in ("undistilled", "T = 100"):
        report = dict(zip(cells(lines, corner), cells(lines, row.format(network)), strict=True))
        expected += [report[column.format(network)], report[published.format(network)] if published else "–"]
    assert cells(README.splitlines(), label) == expected


def test_the_budget_is_that_of_the_params():
    from friendfoe.plan.params import read_root, read_study

    epochs = read_root(ROOT / "params.yaml").data["fashion_mnist"].training.epochs
    replicates = read_study("assistive")[0].data["fashion_mnist"].replicates
    assert f"{replicates} replicates, {epochs} epochs" in README


def test_its_make_targets_and_paths_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE)) <= targets
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / path.split("#")[0]).exists(), path


def test_the_table_of_runs_is_that_of_the_reports():
    runs = runpy.run_path(str(ROOT / "docs/runs.py"))
    assert runs["written"](README) == README, "python docs/runs.py"
    assert len([*runs["rows"]()]) == len([*ROOT.glob("reports/*/*/study.json")])


def test_evidence_says_what_has_been_run():
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \| (.+?) \|", (ROOT / "docs/evidence.md").read_text(), re.MULTILINE)
    assert len(rows) > 10
    for study, data, said in rows:
        page = f"reports/{data}/{study}/index.html"
        report = (ROOT / page).with_name("study.json")
        if report.exists():
            kind = "of this code" if "judged" in json.loads(report.read_text()) else "earlier version"
            assert said == f"[{kind}](../{page})"
        else:
            assert said == "–", (study, data)


@pytest.mark.parametrize("study", ["assistive", "fgsm", "distillation", "classwise", "advprop"])
def test_the_verdicts_are_those_of_the_report(study):
    report = json.loads((ROOT / f"reports/digits/{study}/study.json").read_text())
    kinds = Counter(claim["verdict"].split()[0] for claim in report["claims"])
    counted = [len(report["claims"]), kinds["reproduced"] + kinds["direction"], kinds["contradicted"]]
    row = next(line for line in README.splitlines() if f"(docs/studies/{study}.md)" in line and "?" in line)
    assert [int(cell) for cell in row.split("|")[3:-1]] == [*counted, len(report["claims"]) - sum(counted[1:])]


@pytest.mark.parametrize("study", ["assistive", "fgsm", "distillation", "classwise", "advprop"])
def test_the_page_of_a_study_gets_its_claims(study):
    hook = runpy.run_path(str(ROOT / "docs/site.py"))
    page = SimpleNamespace(file=SimpleNamespace(src_uri=f"studies/{study}.md"))
    shown = hook["on_page_markdown"]((ROOT / f"docs/studies/{study}.md").read_text(), page=page)
    report = json.loads((ROOT / f"reports/digits/{study}/study.json").read_text())
    for number, claim in enumerate(report["claims"], 1):
        assert f"| {number}. {claim['text']} | {claim['verdict']} |" in shown


def test_its_python_runs():
    block = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "Goal.FRIEND" in block)
    test = doctest.DocTestParser().get_doctest(block, {}, "README", "README.md", 0)
    assert len(test.examples) >= 6
    assert doctest.DocTestRunner().run(test).failed == 0
