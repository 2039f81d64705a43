"""A job as a whole: what its files say, that it repeats itself, and that a run which was killed changes nothing."""

import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from friendfoe import runtime
from friendfoe.data.store import load_split
from friendfoe.models.weights import load, read_header
from friendfoe.runtime import paths, provenance
from friendfoe.runtime.errors import UserError
from friendfoe.training.job import Job
from friendfoe.training.methods import standard
from friendfoe.training.methods.distillation import TeacherConfig
from friendfoe.training.model import train_model
from friendfoe.training.replicate import accuracy
from tests.training.helpers import Killed, job, same

ROOT = Path(__file__).parents[2]
SIZES = {
    name: {"network": {"kind": "cnn", "width": width}, "training": job().training, "method": job().method}
    for name, width in {"small": 2, "large": 3}.items()
}
JOBS = {
    "plain": job(),
    "two sizes": job(variants=SIZES),
    "best epoch": job(training={"validation": {"share": 0.2}, "averaging": {"remains": 0.5, "threshold": 0.1}}),
    "retrained": job(training={"validation": {"share": 0.2, "retrain": True}}),
}


def weights_files():
    return sorted(paths.model("digits", "study", "model").rglob("*.safetensors"))


def tensors():
    """All weights of the job, by file and name."""
    return {f"{path} {name}": tensor for path in weights_files() for name, tensor in load_file(path).items()}


def curves():
    return {path: path.read_text() for path in sorted(paths.REPORTS.rglob("*")) if path.is_file()}


def test_the_header_says_what_was_trained_and_where_it_comes_from(digits):
    provenance._origin.cache_clear()  # of tests in other folders
    start = datetime.now(timezone.utc).replace(microsecond=0)
    train_model(job(code="abc"))
    for number, header in enumerate(map(read_header, weights_files())):
        assert Job.model_validate(header.job) == job(code="abc")
        assert header.network == job().network
        assert header.seed == job().weights_seed(number)
        assert header.data == load_split(paths.prepared("digits"), "train").sha256
        origin = header.provenance
        assert origin["python"] == platform.python_version()
        for package in ("torch", "torchvision", "numpy", "matplotlib"):
            assert origin[package] == version(package)
        assert origin["commit"] is None  # this folder is not in Git
        assert origin["processor"]
        assert (origin["gpu"] is None) == (runtime.device().type == "cpu")
        assert start <= datetime.fromisoformat(origin["date"]) <= datetime.now(timezone.utc)
        assert 0 <= origin["cpu_seconds"] < 100
        assert 0 < origin["wall_seconds"] < 100


def test_the_header_names_the_commit(digits):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for command in (("init", "-q"), (*identity, "commit", "-q", "--allow-empty", "-m", "start")):
        subprocess.run(("git", *command), check=True)
    head = subprocess.run(("git", "rev-parse", "HEAD"), capture_output=True, text=True, check=True).stdout.strip()
    provenance._origin.cache_clear()
    train_model(job())
    provenance._origin.cache_clear()
    assert {read_header(path).provenance["commit"] for path in weights_files()} == {head}


def test_the_curve_is_that_of_the_weights(digits):
    train_model(job())
    curve = paths.curve("digits", "study", "model")
    rows = pd.read_csv(curve, sep="\t")
    assert rows.groupby("replicate").size().tolist() == [3, 3]
    test = load_split(paths.prepared("digits"), "test")
    for path, reached in zip(weights_files(), rows[rows.epoch == 3].test_accuracy, strict=True):
        assert accuracy(load(path), test.images, test.labels) == pytest.approx(reached, rel=1e-5)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_training_again_gives_the_same_tensors(digits, monkeypatch, workers):
    train_model(job())
    first = tensors()
    assert len({name.split()[0] for name in first}) == 2
    monkeypatch.setenv("FRIENDFOE_WORKERS", workers)
    train_model(job())
    assert same(tensors(), first)


@pytest.mark.parametrize("killed_at", [2, 13, *(pytest.param(step, marks=pytest.mark.slow) for step in (7, 17))])
@pytest.mark.parametrize("one", JOBS.values(), ids=JOBS)
def test_a_run_killed_at_any_step_ends_with_the_same_files(digits, often_saved, monkeypatch, one, killed_at):
    train_model(one)
    expected, expected_curves = tensors(), curves()
    headers = [read_header(path) for path in weights_files()]
    steps, cross_entropy = iter(range(killed_at)), standard.cross_entropy

    def deadly(network, batch):
        if next(steps, None) is None:
            raise Killed
        return cross_entropy(network, batch)

    with monkeypatch.context() as patch:
        patch.setattr(standard, "cross_entropy", deadly)
        with pytest.raises(Killed):
            train_model(one)
    assert same(tensors(), expected)  # the last good outputs
    assert paths.CHECKPOINTS.exists() == (killed_at > 3)  # steps of an epoch
    train_model(one)
    assert same(tensors(), expected)
    assert curves() == expected_curves
    for path, header in zip(weights_files(), headers, strict=True):
        provenance = read_header(path).provenance
        assert read_header(path) == header.model_copy(update={"provenance": provenance})
    assert not paths.CHECKPOINTS.exists()


def test_a_finished_variant_is_not_trained_again(digits, often_saved, monkeypatch):
    """Checkpoints are kept until all variants are there."""
    whole, calls, cross_entropy = JOBS["two sizes"], [], standard.cross_entropy

    def counted(network, batch):
        calls.append(1)
        if len(calls) == 22:  # of 2 sizes x 2 replicates x 3 epochs x 3 steps: in the second epoch of the second size
            raise Killed
        return cross_entropy(network, batch)

    monkeypatch.setattr(standard, "cross_entropy", counted)
    with pytest.raises(Killed):
        train_model(whole)
    train_model(whole)
    assert len(calls) == 22 + 15


def test_what_is_made_at_the_end_can_fail_without_training_again(digits, often_saved, monkeypatch):
    teacher = job(method={"method": "teacher", "temperature": 2})
    with monkeypatch.context() as patch:
        patch.setattr(TeacherConfig, "finish", lambda *arguments: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            train_model(teacher)
    with monkeypatch.context() as patch:
        patch.setattr("friendfoe.training.methods.distillation.F.cross_entropy", None)  # a step would fail
        train_model(teacher)
    assert paths.soft("digits", "study", "model").exists()


def test_a_data_set_of_one_class_is_one_line(digits, monkeypatch):
    split = load_split(paths.prepared("digits"), "train")
    monkeypatch.setattr("friendfoe.training.model.load_split", lambda *_: replace(split, classes=["0"]))
    with pytest.raises(UserError, match="digits has a single class, 0: there is nothing to tell apart"):
        train_model(job())


KILLED = """
import sys
from tests.training.helpers import job
from friendfoe.training.model import train_model
train_model(job(training={"epochs": 50}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_process_that_is_killed_goes_on(digits, monkeypatch, workers):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FRIENDFOE_WORKERS": workers}
    command = (sys.executable, "-c", KILLED)
    subprocess.run(command, check=True, env=environment)
    expected = tensors()
    environment["FRIENDFOE_CHECKPOINT_SECONDS"] = "0"
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    while not list(Path(".friendfoe/checkpoints").glob("*.pt")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(Path(".friendfoe/checkpoints").glob("*.pt"))
    subprocess.run(command, check=True, env=environment)
    assert same(tensors(), expected)
    assert torch.isfinite(torch.cat([tensor.flatten().float() for tensor in expected.values()])).all()
