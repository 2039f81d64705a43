"""The pipeline itself: what runs again when something changes, and what a failure leaves behind."""

import hashlib
import json
import os
import signal
import subprocess
import time

import pytest

from friendfoe import studies

pytestmark = pytest.mark.pipeline

TRAINING = ["base@digits-clean", "base@digits-clean-half"]
AUGMENTED = [f"augmented@digits-{model}" for model in ("assist", "assist-half", "mixed", "mixed-matched")]
PERTURB = [f"perturb@digits-{name}" for name in ("assist-train", "assist-test", "attack-test")]
MODELS = ("clean", "assist", "mixed", "mixed-matched", "clean-half", "assist-half")
EVALUATE = [f"evaluate-assistive@digits-{model}" for model in MODELS]
DRAWN = ["plot-assistive@digits"]
RESULTS = ("models", "reports", "data/prepared", "data/perturbed", "analysis")


def test_a_study_runs_and_then_does_nothing(done_project):
    expected = {
        "code",
        "check",
        "prepare@digits",
        *TRAINING,
        *AUGMENTED,
        *PERTURB,
        *EVALUATE,
        "analyse-assistive@digits",
        *DRAWN,
    }
    assert set(done_project.ran) == expected
    assert done_project.repro() == []
    metrics = json.loads((done_project.path / "reports/digits/evaluations/assistive/clean.json").read_text())
    assert metrics["assist"] >= metrics["clean"] >= metrics["attack-self"]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        # one model's recipe: only that model, its evaluation and what is drawn from it
        ("models.mixed.share", 0.9, ["augmented@digits-mixed", "evaluate-assistive@digits-mixed", "analyse-assistive@digits", *DRAWN]),
        # a study's own setting: nothing is trained or evaluated again
        ("studies.assistive.patch.areas", [0.2], ["analyse-assistive@digits", *DRAWN]),
        # another data set, and one that is not in the list of today
        ("data.mnist.eps", 0.3, []),
    ],
)  # fmt: skip
def test_a_change_reruns_only_what_follows_from_it(project, key, value, expected):
    project.set(key, value)
    assert set(project.repro()) == {"check", *expected}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("friendfoe/training/loop.py", "# why\n", []),  # a comment
        ("friendfoe/studies/assistive/drawings.py", "MORE = 1\n", DRAWN),  # what comes out is the same
        ("friendfoe/report/page.py", "MORE = 1\n", []),  # another stage's
    ],
)
def test_a_change_of_code_reruns_what_uses_it(project, file, text, expected):
    with (project.path / file).open("a") as module:
        module.write(text)
    assert project.repro() == ["code", *expected]


def test_eps_leaves_models_trained_on_clean_images_alone(project):
    project.set("data.digits.eps", 0.1)
    result = project.run("dvc", "status")
    changed = {line.rstrip(":") for line in result.stdout.splitlines() if line and not line.startswith(("\t", " "))}
    assert set(PERTURB) <= changed
    assert not set(TRAINING) & changed


def test_going_back_to_earlier_params_trains_nothing_again(project):
    project.set("models.clean-half.share", 0.4)
    project.repro("base@digits-clean-half")
    changed = project.files("models/digits/clean-half")
    project.set("models.clean-half.share", 0.5)
    result = project.run("dvc", "repro", "base@digits-clean-half")
    assert "Stage 'base@digits-clean-half' is cached - skipping run" in result.stdout
    assert project.files("models/digits/clean-half") != changed


def test_two_runs_give_the_same_bits(project):
    """One stage of each kind, along the longest path; the others run the same scripts."""
    before = project.files(*RESULTS)
    path = ("prepare@digits", "base@digits-clean", "perturb@digits-assist-train", "augmented@digits-mixed",
            "evaluate-assistive@digits-mixed", "analyse-assistive@digits", *DRAWN)  # fmt: skip
    assert project.repro("--force", "--no-run-cache", "--single-item", *path) == list(path)
    after = project.files(*RESULTS)
    assert {path for path in before if before[path] != after.get(path)} == set()
    assert before.keys() == after.keys()


def test_a_run_killed_in_the_middle_of_training_ends_with_the_same_bits(project):
    project.set("data.digits.training.epochs", 60)
    train = ("python", "-m", "stages.train", "digits", "clean")
    weights = project.path / "models/digits/clean"

    def digest():
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(weights.iterdir())]

    assert project.run(*train).returncode == 0
    whole, curve = digest(), (project.path / "reports/digits/training/clean.tsv").read_bytes()

    running = project.start(*train, FRIENDFOE_CHECKPOINT_SECONDS="0.2")
    checkpoints = project.path / ".friendfoe/checkpoints"
    deadline = time.monotonic() + 60
    while not list(checkpoints.glob("*.pt")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert list(checkpoints.glob("*.pt")), "it is to be killed before its end"
    assert digest() == whole  # the earlier results are still there

    assert project.run(*train, FRIENDFOE_CHECKPOINT_SECONDS="0.2").returncode == 0
    assert digest() == whole
    assert (project.path / "reports/digits/training/clean.tsv").read_bytes() == curve
    assert not checkpoints.exists()


def failure(result):
    """The one line that a failed stage says, after checks that there is no more to it."""
    assert result.returncode != 0, result.stdout
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    return lines[0]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("datasets", ["mnsit"], "datasets: there is no 'mnsit' under `data`; did you mean 'mnist'?"),
        ("data.digits.eps", -0.1, "data.digits.eps: -0.1: input should be greater than or equal to 0"),
        ("data.digits.replicates", 0, "data.digits.replicates: 0: input should be greater than 0"),
        ("studies.assistive.models", ["cleen"], "studies.assistive.models: there is no 'cleen'"),
        ("data.digits.training.learning_rate", 1e30, "the loss is no longer finite"),
        ("data.digits.source", {"kind": "npz", "path": "nothing.npz"}, "nothing.npz"),
        ("data.digits.source", {"kind": "mnist"}, "FRIENDFOE_DATA"),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_and_leaves_earlier_results(project, key, value, message):
    before = project.files(*RESULTS)
    project.set(key, value)
    offline = {"FRIENDFOE_DATA": str(project.path / "nowhere"), "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}  # fmt: skip
    target = [] if key == "datasets" else ["plot-assistive@digits"]  # which there is no more
    assert message in failure(project.run("dvc", "repro", *target, **offline))
    assert project.files(*RESULTS) == before


def test_a_damaged_or_foreign_weights_file(project):
    weights = project.path / "models/digits/clean/replicate-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    assert "replicate-0.safetensors is damaged" in failure(
        project.run("python", "-m", "stages.perturb", "digits", "assist-test")
    )


def test_ctrl_c_is_one_line_and_leaves_earlier_results(project):
    before = project.files(*RESULTS)
    project.set("data.digits.training.epochs", 100_000)
    running = project.start("python", "-m", "stages.train", "digits", "clean", FRIENDFOE_CHECKPOINT_SECONDS="0.2")
    deadline = time.monotonic() + 60
    while not list((project.path / ".friendfoe/checkpoints").glob("*.pt")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 130
    assert stderr.splitlines() == ["error: interrupted; run the same command again to go on from the last checkpoint"]
    assert project.files(*RESULTS) == before


def test_an_unknown_stage_argument(project):
    assert "there is no 'clen'" in failure(project.run("python", "-m", "stages.train", "digits", "clen"))
    assert "Missing argument" in failure(project.run("python", "-m", "stages.train", "digits"))
    assert "there is no 'asistive'" in failure(
        project.run("python", "-m", "stages.evaluate", "asistive", "digits", "clean")
    )


@pytest.mark.slow
def test_all_studies_run_and_then_do_nothing(project):
    result = project.run("dvc", "repro")
    assert result.returncode == 0, result.stdout + result.stderr
    page = (project.path / "reports/digits/index.html").read_text()
    assert all(f'id="{study}"' in page for study in studies.names())
    assert "Running stage" not in project.run("dvc", "repro").stdout


@pytest.mark.slow
def test_experiments_and_a_queue(project):
    for command in ("git add -A", "git commit -q -m done"):
        assert project.run(*command.split()).returncode == 0
    result = project.run("dvc", "exp", "run", "-S", "data.digits.eps=0.05", "plot-assistive@digits")
    assert result.returncode == 0, result.stderr
    queued = project.run("dvc", "exp", "run", "--queue", "-S", "data.digits.eps=0.1,0.15,0.25", "plot-assistive@digits")
    assert queued.returncode == 0, queued.stderr
    # its worker inherits the output and lives on: nobody is to wait for its end
    start = ("dvc", "queue", "start")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(start, cwd=project.path, env=project.environment(), **quiet, check=True)
    deadline = time.monotonic() + 600
    while "Running" in (status := project.run("dvc", "queue", "status").stdout) or "Queued" in status:
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert status.count("Success") == 3, status
    shown = json.loads(project.run("dvc", "exp", "show", "--json").stdout)
    experiments = [rev for baseline in shown for entry in baseline["experiments"] or [] for rev in entry["revs"]]
    metrics = "reports/digits/evaluations/assistive/clean.json"
    attacked = {
        rev["data"]["params"]["params.yaml"]["data"]["data"]["digits"]["eps"]: rev["data"]["metrics"][metrics]["data"][
            "attack"
        ]
        for rev in experiments
    }
    assert sorted(attacked) == [0.05, 0.1, 0.15, 0.25]
    assert attacked[0.05] > attacked[0.25]
