"""A remote that is missing, refuses, or breaks off: one line, nothing is lost, and the next call goes on."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.pipeline.servers import Line, s3, s3_settings

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
FILES = 40
REPRO = """
from friendfoe.pipeline.repro import alone
from friendfoe.pipeline.schedule import Slots
from friendfoe.pipeline.side_by_side import run
from friendfoe.runtime import cli
def main() -> None:
    with alone():
        raise SystemExit(run([], ["--pull"], Slots(1, 1)))
cli.run(main)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose stage has made some files."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name, value in {
        "SHELL": "/bin/sh", "PYTHONPATH": str(ROOT), "AWS_MAX_ATTEMPTS": "2",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    Path(".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    Path("base").write_text("base")
    cmd = f"echo ran >> ../ran; mkdir out; for n in $(seq {FILES}); do head -c 20000 /dev/urandom > out/$n; done"
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": {"cmd": cmd, "deps": ["base"], "outs": ["out"]}}}))
    assert dvc("repro", "-q").returncode == 0
    return folder


def dvc(*words):
    return subprocess.run(("dvc", *words), capture_output=True, text=True, check=False)


def repro():
    return subprocess.run((sys.executable, "-c", REPRO), capture_output=True, text=True, check=False)


def set_remote(settings):
    lines = [
        "[core]",
        "    remote = store",
        "['remote \"store\"']",
        *(f"    {name} = {value}" for name, value in settings.items()),
    ]
    Path(".dvc/config.local").write_text("\n".join(lines) + "\n")


def files():
    return {path.name: path.read_bytes() for path in Path("out").iterdir()}


@pytest.fixture(scope="module")
def refusing():
    """A server that says no; its port."""

    class No(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(403)

        do_HEAD = do_PUT = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), No) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("missing", "Could not connect to the endpoint URL"),
        ("refusing", "Forbidden"),
        ("bucket", "the remote s3://nowhere/store: there is no bucket nowhere"),
    ],
    ids=["missing", "refusing", "bucket"],
)  # fmt: skip
def test_a_remote_that_does_not_serve(project, refusing, kind, why, tmp_path):
    made = files()
    with s3() as port:
        broken = s3_settings({"missing": 1, "refusing": refusing, "bucket": port}[kind])
        if kind == "bucket":
            broken["url"] = "s3://nowhere/store"
        set_remote(broken)
        pushed = dvc("push")
        assert pushed.returncode != 0
        assert "Traceback" not in pushed.stderr
        assert files() == made
        set_remote(s3_settings(port))
        assert dvc("push", "-q").returncode == 0
        # another clone: nothing, and then all
        for path in (project / ".dvc/cache", project / "out"):
            os.rename(path, tmp_path / path.name)
        set_remote(broken)
        said = repro()
        assert said.returncode == 1
        assert why in (said.stderr or said.stdout).strip().splitlines()[-1]
        logs = "".join(path.read_text() for path in Path(".friendfoe").rglob("*.log"))
        assert "Traceback" not in said.stdout + said.stderr + logs
        set_remote(s3_settings(port))
        assert repro().returncode == 0
        assert files() == made
        assert (tmp_path / "ran").read_text() == "ran\n"


def test_a_line_that_breaks_off(project, tmp_path):
    made = files()
    with s3() as port:
        line = Line(port, 300_000)
        set_remote(s3_settings(line.port))
        pushed = dvc("push")
        assert pushed.returncode != 0
        assert "Traceback" not in pushed.stderr
        assert files() == made
        line.left = 10**9
        assert dvc("push", "-q").returncode == 0
        # another clone: half, and then the rest
        for path in (project / ".dvc/cache", project / "out"):
            os.rename(path, tmp_path / path.name)
        line.left = 300_000
        said = repro()
        assert said.returncode == 1
        assert "Traceback" not in said.stdout + said.stderr
        why, last = said.stdout.strip().splitlines()[-2:]
        assert "ERROR: failed to transfer" in why
        assert "files failed to download" in last
        line.left = 10**9
        said = repro()
        assert said.returncode == 0, said.stdout + said.stderr
        assert files() == made
        assert (tmp_path / "ran").read_text() == "ran\n"
        line.close()
