"""The command `friendfoe`: what it shows, and what it says of wrong words."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from friendfoe import console

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path):
    """A folder with the project's params, as the working folder of the command."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    for name in ("friendfoe", "stages"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@dataclass
class Done:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def friendfoe(monkeypatch, capsys):
    """Runs the command in a folder, in this process."""

    def run(folder, *words):
        monkeypatch.chdir(folder)
        monkeypatch.setattr("sys.argv", ["friendfoe", *words])
        with pytest.raises(SystemExit) as status:
            console.main()
        return Done(status.value.code, *capsys.readouterr())

    return run


def test_what_will_be_trained(friendfoe, project):
    shown = friendfoe(project, "plan", "digits", "fgsm")
    assert shown.returncode == 0, shown.stderr
    row = next(line for line in shown.stdout.splitlines() if line.startswith("maxout-adversarial "))
    for word in ("mixed-adversarial", "maxout [64, 64] of 5 pieces", " 15 ", "batch 50", "fgsm (clip False), eps 0.25"):
        assert word in row
    assert not (project / "plan").exists()


def test_what_a_data_set_lacks_is_named_before_anything_runs(friendfoe, project):
    shown = friendfoe(project, "plan", "svhn").stdout
    lacking = [line for line in shown.splitlines() if ": not planned on svhn: " in line]
    assert [line.split(":")[0] for line in lacking] == ["advprop", "distillation"]
    assert "data.svhn: models.vanilla: there are no network sizes on this data set" in lacking[0]
    assert lacking[1].endswith("add `svhn: {}` under `data` in pipelines/distillation/params.yaml")
    asked = friendfoe(project, "plan", "svhn", "advprop")
    assert asked.returncode == 1
    assert asked.stderr.startswith("error: advprop is not planned on svhn: add `svhn` under `data`")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("plan", "svn"), 1, "there is no data set 'svn'; did you mean 'svhn'?"),
        (("plan", "digits", "fgms"), 1, "there is no study 'fgms'; did you mean 'fgsm'?"),
        (("paln",), 2, "No such command 'paln'. Did you mean 'plan'?"),
        (("provenance", "digits"), 1, "reports holds no report of 'digits'"),
        (("verify",), 1, "there is no run 'HEAD': no folder, no revision of Git and no experiment of DVC"),
        (("compare", "workspace", "HEAD"), 1, "workspace holds no reports"),
        (("publish",), 1, "no run is kept aside"),
        (("benchmark", "mnist-c", "mnist", "clean"), 1, "there is no model 'clean' of mnist; name it as STUDY/MODEL"),
        (("benchmark", "mnist-c", "mnist", "a/b", "--reference", "c"), 1, "--reference c: must be one of the models"),
        (("plan", "DIGITS"), 1, "there is no data set 'DIGITS'; did you mean 'digits'?"),
    ],
)
def test_wrong_words_are_one_line(friendfoe, project, words, status, message):
    result = friendfoe(project, *words)
    assert result.returncode == status
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_colours_are_left_out_wherever_that_is_said(friendfoe, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert friendfoe(tmp_path, "attacks", "--no-color").returncode == 0
    assert os.environ["NO_COLOR"] == "1"
    assert "--no-color" in friendfoe(tmp_path, "--help").stdout


def test_outside_of_a_project_it_says_where_to_go(tmp_path):
    code = "from friendfoe.console import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", code, "plan"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr == "error: params.yaml is missing; run this from the root of the project\n"


def test_attacks_are_listed_with_their_settings(friendfoe, tmp_path):
    shown = friendfoe(tmp_path, "attacks").stdout
    row = next(line for line in shown.splitlines() if line.startswith("pgd "))
    assert "Projected gradient descent" in row
    assert "rel_step: 0.25" in row


def test_reports_say_which_code_made_them(friendfoe, project):
    (project / "reports/mnist/fgsm").mkdir(parents=True)
    (project / "reports/mnist/fgsm/study.json").write_text("{}")
    (project / "reports/digits").symlink_to(ROOT / "reports/digits")
    shown = friendfoe(project, "provenance")
    assert shown.returncode == 1
    *digits, mnist, why = shown.stdout.splitlines()[:7]
    assert len(digits) == 5
    assert all(line.startswith("digits ") and ": of this code and these params (commit " in line for line in digits)
    assert mnist.startswith("mnist fgsm: made by other code or params (")
    assert why == "  made before locks were kept in this form"
