"""`friendfoe verify`: a run with other bits agrees, a cell that was changed does not, whoever changed it."""

import os
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from friendfoe.comparison.between import between
from friendfoe.comparison.runs import HERE, find
from friendfoe.comparison.show import conclusion, show
from friendfoe.console import app
from friendfoe.runtime.errors import UserError
from tests.comparison.conftest import change, git, lock, values


def verified(*words, against="HEAD"):
    (found,) = between(find(against), find(HERE), words)
    return found


def lines(found):
    said = [line for line in show(found, "committed", "this run") if isinstance(line, str)]
    return said if found.same_files else [*said, conclusion(found)]


def test_nothing_run_is_said(project):
    found = verified()
    assert found.agrees
    assert lines(found) == [
        "assistive on digits: this run is the committed one itself (commit 0123456789 of 2026-11-26, a processor)"
    ]


def test_the_same_bits_agree_to_the_last_digit(project, rerun):
    rerun(values(), verdict="inconclusive")
    found = verified()
    assert found.agrees
    assert lines(found)[1:] == [
        "  table-1: 12 of 12 cells within their intervals",
        "  class by class: 24 of 24 cells within their intervals",
        "  verdict reproduced → inconclusive: All is well",
        "agrees, all 36 cells to the last digit",
    ]


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_other_bits_agree(project, rerun, bits):
    rerun(values(other_bits=bits))
    found = verified("assistive", "digits")
    assert found.agrees, found.differing
    assert not found.same_bits
    assert lines(found)[-1] == "agrees, 36 of 36 cells within their intervals"


def test_a_result_that_is_another_one_is_found(project, rerun):
    worse = values(other_bits=1)
    worse["model-2", "clean"] = worse["model-2", "clean"] - 0.15
    rerun(worse)
    found = verified()
    assert [(cell.table, cell.place) for cell in found.differing] == [
        ("table-1", "model-2, clean"), ("class by class", "model-2, clean, a"), ("class by class", "model-2, clean, b"),
    ]  # fmt: skip
    assert -0.2 < found.differing[0].difference.low < -0.15 < found.differing[0].difference.high < -0.1
    assert "  table-1: 11 of 12 cells within their intervals" in lines(found)
    assert lines(found)[-1] == "DISAGREES: 33 of 36 cells within their intervals"


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("bits", [0, 1])
def test_a_cell_that_was_changed_by_hand_is_found_on_either_side(project, rerun, committed, bits):
    mean = f"{values()['model-0', 'clean'].mean():.6g}" if committed or not bits else None
    if committed:
        change(Path(), f"model-0,clean,{mean}", "model-0,clean,0.946001")
        lock(Path())  # as if the pipeline had made it
        git("commit", "-qam", "by hand")
    rerun(values(other_bits=bits))
    if not committed:
        mean = f"{values(other_bits=bits)['model-0', 'clean'].mean():.6g}"
        change(Path(), f"model-0,clean,{mean}", "model-0,clean,0.946001")
        lock(Path())
    (cell,) = verified().differing
    assert (cell.table, cell.place) == ("table-1", "model-0, clean")
    assert cell.problem == f"not the mean of its replicates, in {'HEAD' if committed else 'workspace'}: changed by hand"


@pytest.mark.parametrize("file", ["tables/table-1.csv", "study.json"])
def test_what_else_was_changed_by_hand_is_found_by_the_lock(project, rerun, file):
    rerun(values(other_bits=1))
    change(Path(), "a paper, table 1" if file.endswith("csv") else "few images", "a paper, table 2", file)
    found = verified()
    assert not found.agrees
    (line,) = [line for line in lines(found) if "came out" in line]
    assert line.startswith("  reports/digits/assistive/")
    assert line.endswith(" of workspace is not as it came out of its run")
    assert lines(found)[-1] == "DISAGREES: files were changed by hand"


def test_other_settings_and_a_table_that_is_not_there_are_told(project, rerun):
    rerun(values(), training={"epochs": 3})
    Path("reports/digits/assistive/tables/table-1.csv").unlink()
    lock(Path())
    found = verified()
    assert "  other settings: model: training.epochs 2 -> 3" in lines(found)
    assert {cell.problem for cell in found.differing} == {"only in one of them"}
    assert len(found.differing) == 12


def test_what_is_published_and_set_must_be_the_same_and_shares_without_replicates_nearly_so(project, rerun):
    def again(*lines):
        rerun(values())
        (Path("reports/digits/assistive/tables") / "others.csv").write_text("\n".join(lines) + "\n")
        lock(Path())

    again("model,images,reduced,published,note", "A,200,0.55,0.7,epochs 1 and 2", "B,200,0.5,0.8,none")
    git("add", "-A")
    git("commit", "-qm", "others")
    again("model,images,reduced,published,note", "A,200,0.54,0.7,epochs 3 and 1", "B,200,0.5,0.8,none")
    assert verified().agrees
    again("model,images,reduced,published,note", "A,200,0.15,0.71,epochs 1 and 2", "B,200,0.5,0.8,some")
    found = {(cell.place, cell.problem) for cell in verified().differing}
    assert found == {("A, reduced", ""), ("A, published", "not the same"), ("B, note", "not the same")}


def test_reports_of_earlier_versions_without_values_are_compared_by_intervals(project, rerun):
    path = Path("reports/digits/assistive/tables/table-1.csv")
    pd.read_csv(path).drop(columns="values").to_csv(path, index=False)
    lock(Path())
    git("commit", "-qam", "earlier")
    rerun(values(other_bits=1))
    assert verified().agrees
    worse = values(other_bits=1)
    worse["model-2", "clean"] = worse["model-2", "clean"] - 0.15
    rerun(worse)
    assert ("table-1", "model-2, clean") in [(cell.table, cell.place) for cell in verified().differing]


@pytest.mark.parametrize(
    "columns", [["condition as variant"], ["citation"], ["values", "citation"], ["condition as variant", "citation"]]
)
def test_columns_of_earlier_versions_are_told_and_the_rest_is_compared(project, rerun, columns):
    path, names = Path("reports/digits/assistive/tables/table-1.csv"), [each.split(" as ") for each in columns]
    table = pd.read_csv(path).rename(columns=dict(each for each in names if len(each) == 2))
    table.drop(columns=[name for name, *other in names if not other]).to_csv(path, index=False)
    lock(Path())
    git("commit", "-qam", "earlier")
    found = values(other_bits=1)
    found["model-2", "clean"] = found["model-2", "clean"] - 0.15
    renamed = "condition as variant" in columns
    more = {} if renamed and "citation" in columns else {("model-9", "clean"): found["model-1", "clean"]}
    rerun(more | found)
    told = {
        (cell.place, cell.before != "–", cell.after != "–") for cell in verified().differing if cell.table == "table-1"
    }
    assert told == {
        *((name, False, True) for name, *_ in names if name != "values"),
        *([("variant", True, False)] if renamed else []),
        *((", ".join(place), False, True) for place in more),
        ("model-2, clean", True, True),
    }


def test_numbers_that_only_one_side_has_are_told(project, rerun):
    path = Path("reports/digits/assistive/tables/table-1.csv")
    pd.read_csv(path).drop(columns=["mean", "values", "low", "high"]).to_csv(path, index=False)
    lock(Path())
    git("commit", "-qam", "without numbers")
    rerun(values(other_bits=1))
    problems = [cell.problem for cell in verified().differing if cell.table == "table-1"]
    assert problems == ["a number only in one of them"] * len(values())


def test_what_is_not_there_is_said_in_a_line(project):
    with pytest.raises(UserError, match="workspace has no report of 'asistive'; did you mean 'assistive'"):
        verified("asistive")
    with pytest.raises(
        UserError, match=r"there is no run 'v9': no folder, no revision of Git and no experiment of DVC"
    ):
        verified(against="v9")
    Path("empty").mkdir()
    with pytest.raises(UserError, match=r"empty holds no reports: there is no reports/DATA/STUDY/study.json"):
        verified(against="empty")
    change(Path(), '"claims"', "claims", "study.json")
    with pytest.raises(UserError, match=r"study.json of workspace is damaged"):
        verified()


def test_runs_are_folders_revisions_and_experiments(project, rerun):
    git("update-ref", "refs/exps/ab/cdef/noble-bats", "HEAD")
    head = git("rev-parse", "HEAD")
    assert find("noble-bats").commit == find("main").commit == find(head[:8]).commit == head
    assert find("reports").root == Path()
    below = Path("below")
    below.mkdir()
    os.chdir(below)
    assert find("..").reports() == find("../reports").reports() == [("digits", "assistive")]
    with pytest.raises(UserError, match="main holds no reports"):  # of the project in this folder
        find("main")


def test_the_exit_status_is_that_of_agreement(project, rerun):
    rerun(values(other_bits=1))
    assert CliRunner().invoke(app, ["verify"]).exit_code == 0
    change(Path(), "model-1,clean,0", "model-1,clean,1")
    done = CliRunner().invoke(app, ["verify", "digits"])
    assert done.exit_code == 1
    assert "model-1, clean" in done.stdout
    assert "DISAGREES" in done.stdout
