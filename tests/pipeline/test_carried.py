"""Checkpoints travel through the remote: a training whose node is lost goes on elsewhere."""

import re
import time
from pathlib import Path

import pytest
from dvc.repo import Repo

from friendfoe.pipeline.carried import Carried
from friendfoe.runtime import paths
from tests.pipeline.conftest import tensors

TRAIN = "pipelines/assistive/dvc.yaml:train@digits-clean"
FOLDER = paths.CHECKPOINTS


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """The folder of a remote, of the project in the current folder."""
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text(
        "[core]\n    no_scm = true\n    remote = store\n['remote \"store\"']\n    url = ../store\n"
    )
    return tmp_path / "store"


def wait(condition):
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_saved_is_sent_and_brought_elsewhere_until_the_stage_is_done(remote, monkeypatch):
    monkeypatch.setattr("friendfoe.pipeline.carried._TICK", 0.01)
    carried = Carried(Repo(), ["stage", {"data": "1"}])
    carried.bring()
    with carried.sending():
        here = paths.checkpoints()
        here.mkdir(parents=True)
        (here / "a.pt").write_text("epoch 1")
        wait(lambda: [*remote.rglob("a.pt")])
        (here / "a.pt").write_text("epoch 2!")
        wait(lambda: [path.read_text() for path in remote.rglob("a.pt")] == ["epoch 2!"])
    assert paths.checkpoints() == FOLDER
    (here / "a.pt").write_text("of an attempt before that one")
    Carried(Repo(), ["stage", {"data": "2"}]).bring()
    assert (here / "a.pt").read_text() == "of an attempt before that one"
    again = Carried(Repo(), ["stage", {"data": "1"}])
    again.bring()
    assert (here / "a.pt").read_text() == "epoch 2!"
    again.remove()
    assert not [*remote.rglob("*.pt")]
    again.remove()


def test_without_the_remote_a_training_goes_on(remote, monkeypatch):
    monkeypatch.setattr("friendfoe.pipeline.carried._TICK", 0.01)
    said: list[str] = []  # capsys would lose what another thread says while it is read
    monkeypatch.setattr("friendfoe.pipeline.carried.print", lambda text, flush: said.append(text), raising=False)
    remote.touch()
    carried = Carried(Repo(), ["stage", {}])
    with carried.sending():
        carried.folder.mkdir(parents=True)
        (carried.folder / "a.pt").touch()
        wait(lambda: said)
    (note,) = said
    assert note.startswith("note: the remote does not take checkpoints: ")
    carried.remove()


@pytest.fixture
def often(monkeypatch):
    """Checkpoints are saved often, on nodes too."""
    monkeypatch.setenv("FRIENDFOE_CHECKPOINT_SECONDS", "0.5")


@pytest.mark.slow
def test_a_training_whose_node_is_lost_goes_on_from_its_checkpoint(fresh_project, often, nodes, tmp_path):
    made, here = nodes
    project = fresh_project.copy(tmp_path / "project")
    project.set("data.digits.training.epochs", 600)
    project.run("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    for key in ("user.name", "user.email"):
        project.run("git", "config", key, "test")
    undisturbed = project.copy(tmp_path / "undisturbed")
    running = project.start("friendfoe", "repro", TRAIN, "--ray", made.address)

    def saved():
        assert running.poll() is None, running.communicate()
        return [*(tmp_path / "store/checkpoints").rglob("*.pt")]

    wait(saved)
    time.sleep(2)
    (where,) = [name for name in here if [*(tmp_path / name).glob("project/.friendfoe/checkpoints/*/*.pt")]]
    made.remove_node(here[where], allow_graceful=False)
    said, _ = running.communicate(timeout=240)
    assert running.returncode == 0, said
    assert "1 times again after the loss of a worker" in said
    epoch = re.search(r"train@digits-clean: note: resumed at epoch (\d+) of 600", said)
    assert epoch, said
    assert int(epoch[1]) > 1
    assert not [*(tmp_path / "store").rglob("*.pt")]
    undisturbed.repro(TRAIN)
    assert tensors(project.path / "models") == tensors(undisturbed.path / "models")
    curve = "reports/digits/training/assistive/clean.tsv"
    assert (project.path / curve).read_bytes() == (undisturbed.path / curve).read_bytes()
