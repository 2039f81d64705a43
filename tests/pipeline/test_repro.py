"""`friendfoe repro`: what it says before it runs, what it mends, and what it hands to DVC."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from friendfoe.pipeline import leftovers, needs, repro
from friendfoe.pipeline.targets import resolve
from friendfoe.plan.write import read_plan
from friendfoe.runtime import outputs
from friendfoe.runtime.errors import UserError

ROOT = Path(__file__).parents[2]
LOCK = "schema: '2.0'\nstages:\n  plan:\n    cmd: python -m stages.plan\n    deps:\n    - path: params.yaml\n      md5: abc\n"


def git(*words):
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(("git", *identity, *words), check=True, capture_output=True)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A committed project with locks, as the current folder."""
    monkeypatch.chdir(tmp_path)
    for folder in (".dvc/tmp/exps", "pipelines/fgsm"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("/.dvc/tmp\n")
    for file in ("dvc.yaml", ".dvc/config"):
        (tmp_path / file).touch()
    for file in ("dvc.lock", "pipelines/fgsm/dvc.lock"):
        (tmp_path / file).write_text(LOCK)
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "start")
    return tmp_path


@pytest.mark.parametrize("text", ["", '{"write": {"a', "[]", '{"write": {"/x": {"pid": 1, "cmd": "dvc repro"}}}'])
@pytest.mark.parametrize("place", [".dvc/tmp/rwlock", ".dvc/tmp/exps/rwlock", ".git/index.lock"])
def test_a_lock_that_nobody_holds_is_removed(project, place, text):
    (project / place).write_text(text)
    assert [*leftovers.mend()] == [f"{place} was left by a run that was killed; it is removed"]
    assert not (project / place).exists()
    assert [*leftovers.mend()] == []


@pytest.mark.parametrize("text", ["{}", '{"write": {}}'])
def test_a_lock_that_is_free_stays(project, text):
    (project / ".dvc/tmp/rwlock").write_text(text)
    assert [*leftovers.mend()] == []
    assert (project / ".dvc/tmp/rwlock").exists()


@pytest.mark.parametrize("length", [0, 5, 17, 35, 60, len(LOCK) - 12])
@pytest.mark.parametrize("place", ["dvc.lock", "pipelines/fgsm/dvc.lock"])
def test_a_lock_of_results_that_was_cut_short_is_as_committed(project, place, length):
    (project / place).write_text(LOCK[:length])
    (note,) = leftovers.mend()
    assert note.startswith(f"{place} was cut short by a run that was killed; it is as committed again")
    assert (project / place).read_text() == LOCK


def test_one_that_was_never_committed_is_removed(project):
    lock = project / "pipelines/fgsm/dvc.lock"
    git("rm", "-q", "--cached", str(lock))
    lock.write_text("")
    assert "it is removed" in next(leftovers.mend())
    assert not lock.exists()


def test_nothing_is_touched_while_dvc_runs(project):
    (project / ".dvc/tmp/rwlock").touch()
    (project / "dvc.lock").write_text("")
    (project / "dvc").write_text("import time; print(flush=True); time.sleep(60)")
    running = subprocess.Popen([sys.executable, "dvc", "repro"], stdout=subprocess.PIPE)
    running.stdout.readline()
    try:
        (note,) = leftovers.mend()
        assert (
            note == f".dvc/tmp/rwlock is in use, or waits to be mended: process {running.pid} of Git or DVC runs here"
        )
    finally:
        running.kill()
        running.wait()
    assert len([*leftovers.mend()]) == 2


def test_what_is_needed_is_said_first(project, monkeypatch):
    needs.check()
    monkeypatch.setattr(needs, "FREE", 1 << 60)
    with pytest.raises(UserError, match=r"the disk that holds .* is full: \d+ MB are free, \d+ MB are needed"):
        needs.check_disks()
    (project / ".git").rename(project / "elsewhere")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    with pytest.raises(UserError, match=r"not in a Git repository, .* `git init && git add -A && git commit -m start`"):
        needs.check()
    (project / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    needs.check()
    (project / ".dvc/config").unlink()
    with pytest.raises(UserError, match=r"DVC is not set up here: .* `dvc init`"):
        needs.check()


def test_too_few_processes_are_said(monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", start)
    with pytest.raises(UserError, match=r"only 0 more processes or threads can be started here, .* pids.max"):
        needs._check_processes(3)


def test_who_makes_experiments_is_asked_for(project, monkeypatch):
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    (note,) = needs.notes()
    assert note.endswith("git config user.name ... && git config user.email ...")
    git("config", "user.name", "me")
    git("config", "user.email", "me@example.org")
    assert [*needs.notes()] == []


def test_words_stand_for_targets(monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = read_plan()

    def names(*words):
        return resolve(words, plan).names

    assert names() == []
    assert resolve((), plan).reports == [("digits", study) for study in plan.studies]
    assert names("fgsm", "mnist") == names("mnist", "fgsm") == ["pipelines/fgsm/dvc.yaml:plot@mnist"]
    assert names("fgsm") == ["pipelines/fgsm/dvc.yaml:plot@digits"]
    assert names("all", "fashion_mnist") == names("fashion_mnist")
    assert "pipelines/distillation/dvc.yaml:plot@fashion_mnist" not in names("fashion_mnist")
    assert names("plan") == ["plan"]
    assert names("pipelines/fgsm/dvc.yaml:train@digits-rbf") == ["pipelines/fgsm/dvc.yaml:train@digits-rbf"]
    with pytest.raises(UserError, match="there is no study or data set 'fgms'; did you mean 'fgsm'"):
        names("fgms")
    with pytest.raises(UserError, match="advprop is not planned on svhn: add `svhn` under `data`"):
        names("advprop", "svhn")


def test_what_dvc_could_not_keep_is_put_back(project, monkeypatch):
    kept = project / outputs.KEPT / "models/digits/fgsm/rbf"
    kept.mkdir(parents=True)
    for name in ("gone", "there"):
        (kept / name).write_text("kept")
    place = project / "models/digits/fgsm/rbf"
    place.mkdir(parents=True)
    (place / "there").write_text("now")
    assert [*repro._put_back()] == []
    monkeypatch.setattr(needs, "FREE", 1 << 60)
    with pytest.raises(UserError, match="is full"):
        [*repro._put_back()]
    assert (place / "gone").read_text() == "kept"
    assert (place / "there").read_text() == "now"
