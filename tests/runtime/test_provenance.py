"""Where a result comes from: the commit of the code, versions, hardware, date."""

import os
import platform
import subprocess
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

import pytest

from friendfoe.runtime import provenance


@pytest.fixture
def git(tmp_path, monkeypatch):
    """A checkout with a file of code and one of notes, committed."""
    monkeypatch.chdir(tmp_path)
    for name in ("friendfoe/code.py", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")

    def run(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        command = ("git", *identity, *arguments)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "start")):
        run(*arguments)
    return run


def test_the_commit_says_whether_code_was_changed_since(git, tmp_path):
    head = git("rev-parse", "HEAD")
    assert provenance.commit() == head
    (tmp_path / "notes.txt").write_text("other\n")
    assert provenance.commit() == head
    (tmp_path / "friendfoe/code.py").write_text("x = 2\n")
    assert provenance.commit() == head + "+"


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert provenance.commit() is None
    monkeypatch.setenv("PATH", "")
    assert provenance.commit() is None


def test_versions_hardware_and_date():
    origin = provenance.origin()
    assert origin["python"] == platform.python_version()
    for package in ("torch", "torchvision", "numpy", "matplotlib"):
        assert origin[package] == version(package)
    assert origin["processor"] == provenance.processor() != ""
    assert 1 <= origin["cores"] <= os.cpu_count()
    age = datetime.now(timezone.utc) - datetime.fromisoformat(origin["date"])
    assert timedelta() <= age < timedelta(minutes=1)
