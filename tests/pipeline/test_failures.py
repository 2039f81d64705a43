"""What a stage that fails, is killed or meets damage says and leaves behind, and how it is mended."""

import hashlib
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from friendfoe.runtime import cli
from stages import evaluate, train
from tests.pipeline.conftest import FEW_STAGES, STUDY, Project, tensors

pytestmark = pytest.mark.pipeline

CHECKPOINTS = ".friendfoe/checkpoints"
RESULTS = ("models", "reports", "data/prepared", "data/perturbed", "analysis")
TRAIN = ("python", "-m", "stages.train", "digits", "assistive", "clean")


def wait_for_checkpoint(project, running):
    """Wait until a training has saved its state, and is in the middle."""
    deadline = time.monotonic() + 60
    while not list((project.path / CHECKPOINTS).glob("*.pt")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_handler(running):
    """Wait until a stage handles signals, as it does before anything slow is imported; until then Python does."""
    if sys.platform != "linux":
        time.sleep(0.15)
        return
    handled = 0
    while not handled >> (signal.SIGTERM - 1) & 1:
        time.sleep(0.005)
        handled = int(re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{running.pid}/status").read_text(), re.M)[1], 16)


def failure(result):
    """The one line that a failed stage says, after checks that there is no more to it."""
    assert result.returncode != 0, result.stdout
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    return lines[0]


def test_a_run_killed_in_the_middle_of_training_ends_with_the_same_bits(project):
    project.set("data.digits.training.epochs", 60)
    project.plan()
    weights, curve = (
        project.path / "models/digits/assistive/clean",
        project.path / "reports/digits/training/assistive/clean.tsv",
    )

    assert project.run(*TRAIN).returncode == 0
    whole, points = tensors(weights), curve.read_bytes()

    running = project.start(*TRAIN, FRIENDFOE_CHECKPOINT_SECONDS="0.2")
    wait_for_checkpoint(project, running)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert list((project.path / CHECKPOINTS).glob("*.pt")), "it is to be killed before its end"
    assert tensors(weights) == whole  # the earlier results are still there

    assert project.run(*TRAIN, FRIENDFOE_CHECKPOINT_SECONDS="0.2").returncode == 0
    assert tensors(weights) == whole
    assert curve.read_bytes() == points
    assert not (project.path / CHECKPOINTS).exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.digits.eps", -0.1, "data.digits.eps: -0.1: input should be greater than or equal to 0"),
        *(
            pytest.param(*row, marks=pytest.mark.slow)
            for row in (
                ("data.digits.source", {"kind": "npz", "path": "nothing.npz"}, "nothing.npz"),
                ("datasets", ["mnsit"], "datasets: there is no 'mnsit' under `data`; did you mean 'mnist'?"),
                ("data.digits.replicates", 0, "data.digits.replicates: 0: input should be greater than 0"),
                ("assistive:checked", ["cleen"], "checked: there is no model 'cleen'"),
                ("data.digits.training.learning_rate", 1e30, "learning_rate: 1e+30: input should be less than or equal to 1000"),
                ("data.digits.source", {"kind": "mnist"}, "FRIENDFOE_DATA"),
            )
        ),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_and_leaves_earlier_results(project, key, value, message):
    before = project.files(*RESULTS)
    project.set(key, value)
    offline = {"FRIENDFOE_DATA": str(project.path / "nowhere"), "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}  # fmt: skip
    assert message in failure(project.run("dvc", "repro", STUDY, **offline, **FEW_STAGES))
    assert project.files(*RESULTS) == before


@pytest.mark.parametrize(
    ("stage", "words", "message"),
    [
        (train, "digits assistive clen", "there is no 'clen'; did you mean 'clean'?"),
        (train, "digts assistive clean", "there is no 'digts'; did you mean 'digits'?"),
        (evaluate, "digits asistive clean", "there is no 'asistive'; did you mean 'assistive'?"),
        (train, "digits assistive", "Missing argument"),
    ],
    ids=["model", "data", "study", "missing"],
)
def test_an_unknown_stage_argument(done_project, monkeypatch, capsys, stage, words, message):
    monkeypatch.chdir(done_project.path)
    monkeypatch.setattr("sys.argv", ["stage", *words.split()])
    with pytest.raises(SystemExit) as status:
        cli.run(stage.main)
    assert status.value.code in (1, 2)
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGTERM, signal.SIGHUP))],
)
def test_a_signal_is_one_line_and_leaves_earlier_results(project, number):
    """Ctrl-C; `timeout`, a batch system; a closed terminal."""
    before = project.files(*RESULTS)
    project.set("data.digits.training.epochs", 100_000)
    project.plan()
    shutil.rmtree(project.path / "models/digits/assistive/clean")  # as DVC does
    running = project.start(*TRAIN, FRIENDFOE_CHECKPOINT_SECONDS="0.2")
    wait_for_checkpoint(project, running)
    os.killpg(running.pid, number) if number == signal.SIGINT else running.send_signal(number)
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert stderr.splitlines() == ["error: interrupted; run the same command again to go on from the last checkpoint"]
    assert project.files(*RESULTS) == before


def test_a_signal_while_a_stage_starts_is_one_line(project):
    for wait in (0.0, 0.35, 0.85):
        running = project.start(*TRAIN)
        wait_for_handler(running)
        time.sleep(wait)
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=30)
        assert "Traceback" not in stderr


@pytest.mark.slow
def test_committed_reports_come_back_in_a_fresh_clone(project, tmp_path):
    """DVC deletes them before it trains, and has no copy."""
    for command in ("git add -A", "git commit -q -m done", f"git clone -q . {tmp_path / 'clone'}"):
        assert project.run(*command.split()).returncode == 0
    clone = Project(tmp_path / "clone")
    clone.set("data.digits.training.epochs", 100_000)
    running = clone.start(
        "dvc", "repro", "pipelines/assistive/dvc.yaml:train@digits-clean", FRIENDFOE_CHECKPOINT_SECONDS="0.2"
    )
    wait_for_checkpoint(clone, running)
    os.killpg(running.pid, signal.SIGTERM)  # DVC as well: `timeout`, a batch system
    running.communicate(timeout=60)
    assert clone.run("git", "status", "--short", "reports").stdout == ""


@pytest.mark.slow
def test_a_plan_that_changes_while_a_stage_runs_by_it_is_refused(project):
    """Else DVC would take the weights of one learning rate for those of another, for good."""
    project.set("data.digits.training.epochs", 2000)
    project.plan()
    running = project.start(*TRAIN, FRIENDFOE_CHECKPOINT_SECONDS="0.2")
    wait_for_checkpoint(project, running)
    plan = project.path / "plan/digits/assistive/clean.json"
    plan.write_text(plan.read_text().replace("0.05", "0.001"))
    _, stderr = running.communicate(timeout=300)
    assert running.returncode == 1
    assert "plan/digits/assistive/clean.json was changed while this stage ran by it" in stderr


@pytest.mark.slow
def test_a_model_is_not_trained_twice_at_once(project):
    project.set("data.digits.training.epochs", 100_000)
    project.plan()
    first = project.start(*TRAIN, FRIENDFOE_CHECKPOINT_SECONDS="0.2")
    wait_for_checkpoint(project, first)
    second = failure(project.run(*TRAIN))
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert f"models/digits/assistive/clean is being made by process {first.pid} on " in second


def test_a_damaged_or_foreign_weights_file(project):
    weights = project.path / "models/digits/assistive/clean/replicate-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    assert "replicate-0.safetensors is damaged" in failure(
        project.run("python", "-m", "stages.perturb", "digits", "assistive", "assist-test")
    )


@pytest.mark.slow
def test_a_flipped_bit_is_mended_by_the_command_of_its_message(project):
    """In the workspace, in DVC's cache, or in both."""
    path = Path("models/digits/assistive/clean/replicate-0.safetensors")
    good, perturb = (
        (project.path / path).read_bytes(),
        ("python", "-m", "stages.perturb", "digits", "assistive", "assist-test"),
    )
    md5 = hashlib.md5(good).hexdigest()
    kept = project.path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    bad = good[:-1] + bytes([good[-1] ^ 1])
    for files in ([path], [path, kept]):
        for file in files:
            (project.path / file).chmod(0o644)
            (project.path / file).write_bytes(bad)
        message = failure(project.run(*perturb))
        assert (str(kept.relative_to(project.path)) in message) == (len(files) > 1)
        mended = project.run("sh", "-c", message.split("`")[1])
        assert mended.returncode == 0, mended.stderr
        assert project.run(*perturb).returncode == 0
