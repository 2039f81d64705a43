"""Results travel through a remote of DVC: a second clone pulls them, and computes nothing again."""

import re

import pytest

from tests.pipeline.conftest import STUDY, Project
from tests.pipeline.servers import s3, s3_settings, webdav

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]
MODEL = "pipelines/assistive/dvc.yaml:train@digits-clean"


@pytest.fixture(params=["folder", "webdav", "s3"])
def remote(request, tmp_path):
    """An empty remote: DVC's settings of it."""
    if request.param == "folder":
        yield {"url": str(tmp_path / "store")}
    elif request.param == "webdav":
        with webdav(tmp_path / "store") as port:
            yield {"url": f"webdav://127.0.0.1:{port}"}
    else:
        with s3() as port:
            yield s3_settings(port)


def ok(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_second_clone_pulls_everything_and_computes_nothing(project, remote, tmp_path):
    ok(project.run("dvc", "remote", "add", "--default", "store", remote["url"]))
    for name, value in remote.items():
        ok(project.run("dvc", "remote", "modify", "store", name, value))
    for command in (
        "git add -A",
        "git commit -q -m done",
        "dvc push -q",
        f"git clone -q . {tmp_path / 'clone'}",
    ):
        ok(project.run(*command.split()))
    clone = Project(tmp_path / "clone")
    ok(clone.run("dvc", "pull", "-q", "--with-deps", STUDY))
    assert clone.repro() == ["plan"]  # which is neither Git's nor DVC's
    for folder in ("models", "data/prepared", "outcomes"):
        assert clone.files(folder) == project.files(folder)

    # the same in one command
    ok(project.run("git", "clone", "-q", ".", str(tmp_path / "other")))
    other = Project(tmp_path / "other")
    said = ok(other.run("friendfoe", "repro", "--jobs", "2", "--pull", STUDY))
    assert " unchanged" in said
    assert re.search(r": 1 run\b", said)  # plan
    assert other.files("plan") == project.files("plan")
    assert other.files("models") == project.files("models")


def test_a_remote_that_is_not_there_is_a_line_and_nothing_is_lost(project, tmp_path):
    (tmp_path / "file").touch()
    before = project.files("models", "reports")
    result = project.run("friendfoe", "repro", "--jobs", "2", "--pull", MODEL)
    assert result.returncode == 1
    assert result.stderr.startswith("error: config file error: no remote specified")
    assert len(result.stderr.splitlines()) == 1
    ok(project.run("dvc", "remote", "add", "--default", "store", str(tmp_path / "file/store")))
    pushed = project.run("dvc", "push", STUDY, "--with-deps")
    assert pushed.returncode != 0
    assert "Traceback" not in pushed.stderr
    assert project.files("models", "reports") == before
    (tmp_path / "file").unlink()
    ok(project.run("dvc", "push", STUDY, "--with-deps"))
