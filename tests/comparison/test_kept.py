"""A run that agrees leaves the working tree as it is committed, and is there for the next one and for a commit."""

import os
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from friendfoe.comparison import kept
from friendfoe.comparison.between import between
from friendfoe.comparison.runs import HERE, find
from friendfoe.console import app
from friendfoe.pipeline.ending import show
from friendfoe.runtime import paths
from tests.comparison.conftest import DATA, STUDY, change, git, lock, values

TABLE = paths.report(DATA, STUDY) / "tables/table-1.csv"
REPORT = [(DATA, STUDY)]


def shown(width=200, reports=REPORT, **more):
    console = Console(width=width, record=True, file=open(os.devnull, "w"), **more)  # noqa: SIM115
    show(reports, "3 stages in 2 s: 3 run", console)
    return console.export_text()


def state():
    return git("status", "--porcelain")


def test_a_run_that_agrees_leaves_the_tree_clean_and_comes_back(project, rerun):
    rerun(values(other_bits=1))
    mine, status = TABLE.read_bytes(), state()
    assert "M reports/digits/assistive/study.json" in status
    said = shown()
    assert state() == ""
    assert TABLE.read_bytes() != mine
    assert "page: .friendfoe/run/" not in said  # this report has no page
    assert "against the committed report: agrees, 36 of 36 cells within their intervals" in said
    (found,) = between(find("HEAD"), find(HERE))  # of the run, not of what is committed
    assert found.agrees
    assert not found.same_bits
    assert kept.take_in()
    assert (TABLE.read_bytes(), state()) == (mine, status)
    assert kept.take_in() == []
    shown()
    assert state() == ""


def test_publishing_takes_it_in(project, rerun):
    assert CliRunner().invoke(app, ["publish"]).exit_code == 1
    rerun(values(other_bits=1))
    shown()
    done = CliRunner().invoke(app, ["publish"])
    assert done.exit_code == 0
    assert done.stdout.endswith(" files are those of the last run: git add reports dvc.lock pipelines\n")
    assert "M pipelines/assistive/dvc.lock" in state()


@pytest.mark.parametrize("other", ["numbers", "settings", "code"])
def test_a_run_that_says_something_else_stays(project, rerun, other):
    found = values(other_bits=1)
    if other == "numbers":
        found["model-2", "clean"] = found["model-2", "clean"] - 0.15
    rerun(found, **{"numbers": {}, "settings": {"training": {"epochs": 3}}, "code": {"code": "def"}}[other])
    status = state()
    said = shown()
    assert state() == status != ""
    assert ("`friendfoe verify assistive digits` says where" in said) == (other != "code")
    assert kept.files() == {}


def test_what_is_committed_anew_makes_it_out_of_date(project, rerun):
    rerun(values(other_bits=1))
    shown()
    change(Path(), "a paper", "another paper")
    lock(Path())
    git("commit", "-qam", "another")
    assert kept.files() == {}
    assert kept.take_in() == []
    assert not kept.FOLDER.exists()
    assert state() == ""


def test_results_of_other_data_sets_and_their_locks_stay(project, rerun):
    other = Path("reports/mnist/fgsm/study.json")
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    for path, text in {
        "pipelines/fgsm/dvc.lock": "stages:\n  plot@mnist: {cmd: a}\n",
        "dvc.lock": "stages:\n  plan: {cmd: a}\n",
    }.items():
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(text)
    git("add", "-A")
    git("commit", "-qm", "another data set")
    for path in (other, Path("pipelines/fgsm/dvc.lock"), Path("dvc.lock")):
        path.write_text(path.read_text().replace("a}", "b}") + "\n")
    Path("params.yaml").touch()
    kept.put_aside({DATA})
    assert state().split() == [
        "M",
        "pipelines/fgsm/dvc.lock",
        "M",
        "reports/mnist/fgsm/study.json",
        "??",
        "params.yaml",
    ]


def test_without_git_all_stays_as_it_is(tmp_path, monkeypatch, project, rerun):
    (project / ".git").rename(project / "elsewhere")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    rerun(values(other_bits=1))
    assert "against" not in shown()


def test_all_is_shown_of_one_report_and_a_line_of_several(project):
    said = shown(80, legacy_windows=False)
    assert "A study, on digits" in said
    assert "✓ All is well" in said
    assert "model-0, clean" in said
    assert "✓ 1" in shown(80, REPORT * 2)
    assert "✓ All" not in shown(80, REPORT * 2)


def test_it_ends_with_verdicts_then_the_table_then_time_page_and_agreement(project, rerun):
    rerun(values(other_bits=1))
    (paths.report(DATA, STUDY) / "index.html").write_text("page")
    said = shown(80)
    parts = ("A study, on digits", "✓ All is well", "Accuracy", "model-0, clean", "3 stages in 2 s: 3 run", "page: ",
             "against the committed report: agrees")  # fmt: skip
    places = [said.index(part) for part in parts]
    assert places == sorted(places)
    said = shown(80, REPORT * 2)
    places = [said.index(part) for part in ("✓ 1", *parts[4:])]
    assert places == sorted(places)


def written(path):
    with path.open("w") as file:
        show(
            REPORT, "3 stages in 2 s: 3 run", Console(width=80, file=file, force_terminal=True, color_system="standard")
        )
    return path.read_text()


def test_colour_is_for_terminals_that_want_it(project, monkeypatch, tmp_path):
    assert "\x1b[32m✓" in written(tmp_path / "with")
    monkeypatch.setenv("NO_COLOR", "1")
    said = written(tmp_path / "without")
    assert "✓" in said
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", said)


@pytest.mark.parametrize("width", [40, 80])
def test_nothing_is_wider_than_the_terminal_or_cut_off(project, rerun, width):
    name = "a model with a long name"
    rerun({(f"{name} {number}", "clean"): one for number, one in enumerate(values().values())})
    said = shown(width)
    assert max(len(line) for line in said.splitlines() if not line.startswith("page: ")) <= width  # paths stay whole
    assert "…" not in said


def test_a_page_is_a_link_where_terminals_know_links(project, rerun):
    page = paths.report(DATA, STUDY) / "index.html"
    for file, text in ((page, "page of then"), (page.with_name("figure.svg"), "the same")):
        file.write_text(text)
    git("add", "-A")
    git("commit", "-qm", "page")
    rerun(values(other_bits=1))
    for file, text in ((page, "page of now"), (page.with_name("figure.svg"), "the same")):
        file.write_text(text)
    console = Console(width=200, force_terminal=True, file=open(os.devnull, "w"), record=True)  # noqa: SIM115
    show(REPORT, "3 stages in 2 s: 3 run", console)
    link = (project / ".friendfoe/run" / page).as_uri()
    assert "]8;id=" in (said := console.export_text(styles=True))
    assert f"{link}\x1b\\" in said
    assert (project / ".friendfoe/run" / page).read_text() == "page of now"
    assert page.read_text() == "page of then"
    assert (project / ".friendfoe/run" / page).with_name("figure.svg").exists()  # which the page shows
    assert page.with_name("figure.svg") not in kept.take_in()
