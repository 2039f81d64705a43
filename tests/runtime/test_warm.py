"""A stage that a warm process runs behaves as one that starts by itself: output, status, signals, code on the disk."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stages share a start on Linux only")

PROJECT = Path(__file__).parents[2]

DVC = """
import json, os, subprocess, sys
for line in sys.stdin:
    command, environment = json.loads(line)
    process = subprocess.Popen(["/bin/sh", "-c", command], env={**os.environ, "DVC_STAGE": command, **environment},
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(process.pid, flush=True)
    output, _ = process.communicate()
    print(json.dumps([process.returncode, output]), flush=True)
"""

SHOW = """
import json, os, sys
warm = "torch" in sys.modules
from friendfoe.runtime import cli
def main(status: int, words: list[str]) -> None:
    print(json.dumps([warm, words, os.getcwd(), os.environ["DVC_STAGE"], __name__, os.getpid()]))
    raise SystemExit(status)
cli.run(main)
"""

WAIT = """
import os, signal, time
from friendfoe.runtime import cli
def main() -> None:
    with open("waiting", "w") as file:
        file.write(str(os.getpid()))
    time.sleep(60)
cli.run(main)
"""


class Dvc:
    """Runs stages one after the other, as DVC does."""

    def __init__(self, folder):
        (folder / "stages").mkdir()
        (folder / "stages/__init__.py").write_text("from friendfoe.runtime import startup\nstartup.begin()\n")
        (folder / "stages/show.py").write_text(SHOW)
        (folder / "stages/wait.py").write_text(WAIT)
        (folder / "dvc.py").write_text(DVC)
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "dvc.py"], cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )  # fmt: skip

    def start(self, stage, **environment):
        self.process.stdin.write(json.dumps([f"exec {sys.executable} -m stages.{stage}", environment]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def end(self):
        return json.loads(self.process.stdout.readline())

    def run(self, stage, **environment):
        self.start(stage, **environment)
        return self.end()

    def show(self, **environment):
        return json.loads(self.run("show 0 x", **environment)[1])

    def waiting(self):
        """The process that has begun to wait."""
        file = self.folder / "waiting"
        until(file.exists)
        until(file.read_text)
        pid = int(file.read_text())
        file.unlink()
        return pid


def until(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited for half a minute")


def ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture(scope="module")
def dvc(tmp_path_factory):
    dvc = Dvc(tmp_path_factory.mktemp("project"))
    until(lambda: dvc.show()[0])
    yield dvc
    dvc.process.stdin.close()
    dvc.process.wait()


def test_arguments_folder_environment_and_status_are_those_of_the_stage(dvc):
    status, output = dvc.run("show 7 'two words' x")
    assert status == 7
    warm, words, folder, stage, name, _ = json.loads(output)
    assert warm
    assert words == ["two words", "x"]
    assert folder == str(dvc.folder)
    assert stage.endswith("show 7 'two words' x")
    assert name == "__main__"


def test_the_code_is_that_on_the_disk(dvc):
    (dvc.folder / "stages/edited.py").write_text("print('before')")
    assert dvc.run("edited") == [0, "before\n"]
    (dvc.folder / "stages/edited.py").write_text("print('afterwards')")
    assert dvc.run("edited") == [0, "afterwards\n"]


def test_errors_keep_their_traceback(dvc):
    (dvc.folder / "stages/broken.py").write_text("1 / 0")
    status, output = dvc.run("broken")
    assert status == 1
    assert output.endswith("ZeroDivisionError: division by zero\n")


IMPORT = """
import sys
before = set(sys.modules)
import friendfoe.evaluation.evaluate, friendfoe.report.page, friendfoe.report.study, friendfoe.studies.tables
import friendfoe.studies.claims, friendfoe.training.model
ours = {"friendfoe", "stages"}
print(sorted({name.partition(".")[0] for name in set(sys.modules) - before} - ours))
"""


def test_what_a_stage_imports_that_is_not_ours_is_there_already(dvc):
    (dvc.folder / "stages/imports.py").write_text(IMPORT)
    assert dvc.run("imports") == [0, "[]\n"]


def test_a_fork_does_not_look_through_what_it_shares_for_garbage(dvc):
    (dvc.folder / "stages/frozen.py").write_text("import gc\nprint(gc.get_freeze_count() > 100_000)")
    assert dvc.run("frozen") == [0, "True\n"]


@pytest.mark.parametrize("end", ["", "raise SystemExit", "raise SystemExit(0)"])
def test_what_a_stage_leaves_for_its_end_is_done(dvc, end):
    (dvc.folder / "stages/last.py").write_text(f"import atexit\natexit.register(print, 'last')\nprint('first')\n{end}")
    assert dvc.run("last") == [0, "first\nlast\n"]


def test_a_status_that_is_a_text_is_shown(dvc):
    (dvc.folder / "stages/text.py").write_text("raise SystemExit('a text')")
    assert dvc.run("text") == [1, "a text\n"]


@pytest.mark.parametrize("environment", [{"FRIENDFOE_WARM": "0"}, {"OMP_NUM_THREADS": "1"}], ids=str)
def test_in_another_environment_a_stage_starts_by_itself(dvc, environment):
    assert not dvc.show(**environment)[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_stage_in_one_line(dvc, number):
    client = dvc.start("wait")
    pid = dvc.waiting()
    assert pid != client
    os.kill(client, number)
    status, output = dvc.end()
    assert status == 128 + number
    assert output == "error: interrupted; run the same command again to go on from the last checkpoint\n"
    assert ended(pid)


def test_a_stage_that_is_killed_takes_its_fork_along(dvc):
    client = dvc.start("wait")
    pid = dvc.waiting()
    os.kill(client, signal.SIGKILL)
    assert dvc.end()[0] == -signal.SIGKILL
    until(lambda: ended(pid))
    assert dvc.show()[0]


def test_a_fork_that_is_killed_ends_its_stage(dvc):
    dvc.start("wait")
    os.kill(dvc.waiting(), signal.SIGKILL)
    assert dvc.end()[0] == 128 + signal.SIGKILL


@pytest.mark.slow
def test_stages_side_by_side_share_it_also_in_different_folders(dvc, tmp_path):
    """Each with its own part of the machine, by the code of its own folder."""
    together = {"FRIENDFOE_RUN": str(dvc.process.pid)}
    until(lambda: dvc.show(**together)[0])
    dvc.start("wait", **together)
    waiting = dvc.waiting()
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").write_text("from friendfoe.runtime import startup\nstartup.begin()\n")
    show = "import os, sys\nprint('torch' in sys.modules, os.getcwd(), os.environ['FRIENDFOE_WORKERS'])"
    (tmp_path / "stages/show.py").write_text(show)
    environment = Path(f"/proc/{dvc.process.pid}/environ").read_text().rstrip("\0").split("\0")
    environment = dict(line.split("=", 1) for line in environment)
    environment |= {"DVC_STAGE": "show", "FRIENDFOE_WORKERS": "3", **together}
    command = (sys.executable, "-m", "stages.show")
    shown = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert shown.stdout == f"True {tmp_path} 3\n"
    assert not ended(waiting)
    os.kill(waiting, signal.SIGKILL)
    assert dvc.end()[0] == 128 + signal.SIGKILL


@pytest.mark.slow
def test_the_warm_process_ends_with_dvc_or_before_it_and_stages_go_on(tmp_path):
    dvc = Dvc(tmp_path)
    until(lambda: dvc.show()[0])
    dvc.start("wait")
    fork = dvc.waiting()
    server = int(Path(f"/proc/{fork}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(server, signal.SIGKILL)
    status, output = dvc.end()
    assert status == 1
    assert "was ended from outside; run the same command again" in output
    until(lambda: ended(fork))
    until(lambda: dvc.show()[0])  # another one has been started
    dvc.start("wait")
    fork = dvc.waiting()
    server = int(Path(f"/proc/{fork}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(fork, signal.SIGKILL)
    dvc.end()
    dvc.process.kill()
    dvc.process.wait()
    until(lambda: ended(server))
