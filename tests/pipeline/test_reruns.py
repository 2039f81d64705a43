"""The pipeline itself: what runs again when something changes, and what a failure leaves behind."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from friendfoe import studies
from tests.pipeline.conftest import STUDY, Project

pytestmark = pytest.mark.pipeline

MODELS, AUGMENTED = ("clean", "clean-half"), ("assist", "assist-half", "mixed", "mixed-matched")
TRAINING = [f"assistive train@digits-{model}" for model in MODELS]
TRAINING_AUGMENTED = [f"assistive train-augmented@digits-{model}" for model in AUGMENTED]
PERTURB = [
    f"assistive perturb-{name.split('-')[1]}@digits-{name}" for name in ("assist-train", "assist-test", "attack-test")
]
EVALUATE = [f"assistive evaluate@digits-{model}" for model in MODELS]
EVALUATE += [f"assistive evaluate-augmented@digits-{model}" for model in AUGMENTED]
CHECK, ANALYSE, DRAWN = "assistive check-gradients@digits-clean", "assistive analyse@digits", ["assistive plot@digits"]
CHECKPOINTS = ".friendfoe/checkpoints"
RESULTS = ("models", "reports", "data/prepared", "data/perturbed", "analysis")


def test_a_study_runs_and_then_does_nothing(done_project):
    expected = {
        "plan",
        "data prepare@digits",
        *TRAINING,
        *TRAINING_AUGMENTED,
        *PERTURB,
        *EVALUATE,
        CHECK,
        ANALYSE,
        *DRAWN,
    }
    assert set(done_project.ran) == expected
    assert done_project.repro() == []
    headline = json.loads((done_project.path / "reports/digits/assistive/metrics.json").read_text())["digits"]
    assert all(0 <= number <= 1 for number in headline.values())
    assert len(headline) == 3


@pytest.mark.slow
def test_a_page_is_that_of_its_plots(project):
    """Also on the way back to earlier params; the overviews follow."""
    pages = [
        project.path / "reports" / name for name in ("digits/assistive/index.html", "digits/index.html", "index.html")
    ]
    before = [page.read_bytes() for page in pages]
    project.set("assistive:patch.areas", [0.2])
    project.repro()
    assert pages[0].read_bytes() != before[0]
    project.set("assistive:patch.areas", [0.1])
    project.repro()
    assert [page.read_bytes() for page in pages] == before


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        # one model: it, its evaluation and what is drawn from it
        ("assistive:augmented.mixed.share", 0.9, ["assistive train-augmented@digits-mixed", "assistive evaluate-augmented@digits-mixed", ANALYSE, *DRAWN]),
        # a study's own setting: nothing is trained or evaluated again
        pytest.param("assistive:patch.areas", [0.2], [ANALYSE, *DRAWN], marks=pytest.mark.slow),
        # another data set, and another study
        ("data.mnist.eps", 0.3, []),
        pytest.param("fgsm:rubbish", 100, [], marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_change_reruns_only_what_follows_from_it(project, key, value, expected):
    project.set(key, value)
    assert set(project.repro()) == {"plan", *expected}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("friendfoe/training/loop.py", "# why\n", []),  # a comment
        ("friendfoe/studies/assistive/drawings.py", "MORE = 1\n", DRAWN),
        pytest.param("friendfoe/report/page.py", "MORE = 1\n", DRAWN, marks=pytest.mark.slow),
        ("friendfoe/pipeline/needs.py", "MORE = 1\n", []),  # no stage's
    ],
)
def test_a_change_of_code_reruns_what_uses_it(project, file, text, expected):
    with (project.path / file).open("a") as module:
        module.write(text)
    assert project.repro() == ["plan", *expected]


def test_eps_leaves_models_trained_on_clean_images_alone(project):
    project.set("data.digits.eps", 0.1)
    project.repro("plan")
    lines = project.run("dvc", "status", "--recursive", "pipelines/assistive").stdout.splitlines()
    changed = {line.split(":")[1] for line in lines if line.startswith("pipelines/assistive/dvc.yaml:")}
    assert {name.split()[1] for name in PERTURB} <= changed
    assert not {name.split()[1] for name in TRAINING} & changed


def test_going_back_to_earlier_params_trains_nothing_again(project):
    half = "pipelines/assistive/dvc.yaml:train@digits-clean-half"
    project.set("assistive:models.clean-half.share", 0.4)
    project.repro(half)
    changed = project.files("models/digits/assistive/clean-half")
    project.set("assistive:models.clean-half.share", 0.5)
    result = project.run("dvc", "repro", half)
    assert f"Stage '{half}' is cached - skipping run" in result.stdout
    assert project.files("models/digits/assistive/clean-half") != changed


def tensors(folder):
    """What the weights files of a folder hold, besides what they say of their run."""
    return {
        (path.relative_to(folder), name): tensor.numpy().tobytes()
        for path in sorted(folder.rglob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def wait_for_checkpoint(project, running):
    """Wait until a training has saved its state, and is in the middle."""
    deadline = time.monotonic() + 60
    while not list((project.path / CHECKPOINTS).glob("*.pt")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_two_runs_give_the_same_bits(project):
    """One stage of each kind, along the longest path; the others run the same scripts."""
    tables = (
        "reports/digits/training",
        "reports/digits/evaluations",
        "reports/digits/assistive/tables",
        "data/prepared",
        "data/perturbed",
    )
    before, weights = project.files(*tables), tensors(project.path / "models")
    path = ["data prepare@digits", TRAINING[0], PERTURB[0], "assistive train-augmented@digits-mixed",
            "assistive evaluate-augmented@digits-mixed", ANALYSE, *DRAWN]  # fmt: skip
    targets = [f"pipelines/{study}/dvc.yaml:{stage}" for study, stage in (name.split() for name in path)]
    assert project.repro("--force", "--no-run-cache", "--single-item", *targets) == path
    assert project.files(*tables) == before
    assert tensors(project.path / "models") == weights


def test_a_run_killed_in_the_middle_of_training_ends_with_the_same_bits(project):
    project.set("data.digits.training.epochs", 60)
    project.repro("plan")
    train = ("python", "-m", "stages.train", "digits", "assistive", "clean")
    weights, curve = (
        project.path / "models/digits/assistive/clean",
        project.path / "reports/digits/training/assistive/clean.tsv",
    )

    assert project.run(*train).returncode == 0
    whole, points = tensors(weights), curve.read_bytes()

    running = project.start(*train, FRIENDFOE_CHECKPOINT_SECONDS="0.2")
    wait_for_checkpoint(project, running)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert list((project.path / CHECKPOINTS).glob("*.pt")), "it is to be killed before its end"
    assert tensors(weights) == whole  # the earlier results are still there

    assert project.run(*train, FRIENDFOE_CHECKPOINT_SECONDS="0.2").returncode == 0
    assert tensors(weights) == whole
    assert curve.read_bytes() == points
    assert not (project.path / CHECKPOINTS).exists()


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
        ("assistive:checked", ["cleen"], "checked: there is no model 'cleen'"),
        ("data.digits.training.learning_rate", 1e30, "learning_rate: 1e+30: input should be less than or equal to 1000"),
        ("data.digits.source", {"kind": "npz", "path": "nothing.npz"}, "nothing.npz"),
        pytest.param("data.digits.source", {"kind": "mnist"}, "FRIENDFOE_DATA", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_and_leaves_earlier_results(project, key, value, message):
    before = project.files(*RESULTS)
    project.set(key, value)
    offline = {"FRIENDFOE_DATA": str(project.path / "nowhere"), "https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}  # fmt: skip
    assert message in failure(project.run("dvc", "repro", STUDY, **offline))
    assert project.files(*RESULTS) == before


def test_a_damaged_or_foreign_weights_file(project):
    weights = project.path / "models/digits/assistive/clean/replicate-0.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    assert "replicate-0.safetensors is damaged" in failure(
        project.run("python", "-m", "stages.perturb", "digits", "assistive", "assist-test")
    )


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGTERM, signal.SIGHUP))],
)
def test_a_signal_is_one_line_and_leaves_earlier_results(project, number):
    """Ctrl-C; `timeout`, a batch system; a closed terminal."""
    before = project.files(*RESULTS)
    project.set("data.digits.training.epochs", 100_000)
    project.repro("plan")
    shutil.rmtree(project.path / "models/digits/assistive/clean")  # as DVC does
    running = project.start(
        "python", "-m", "stages.train", "digits", "assistive", "clean", FRIENDFOE_CHECKPOINT_SECONDS="0.2"
    )
    wait_for_checkpoint(project, running)
    os.killpg(running.pid, number) if number == signal.SIGINT else running.send_signal(number)
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert stderr.splitlines() == ["error: interrupted; run the same command again to go on from the last checkpoint"]
    assert project.files(*RESULTS) == before


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
def test_a_model_is_not_trained_twice_at_once(project):
    project.set("data.digits.training.epochs", 100_000)
    project.repro("plan")
    train = ("python", "-m", "stages.train", "digits", "assistive", "clean")
    first = project.start(*train, FRIENDFOE_CHECKPOINT_SECONDS="0.2")
    wait_for_checkpoint(project, first)
    second = failure(project.run(*train))
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert f"models/digits/assistive/clean is being made by process {first.pid} on " in second


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


def test_a_plan_that_changes_while_a_stage_runs_by_it_is_refused(project):
    """Else DVC would take the weights of one learning rate for those of another, for good."""
    project.set("data.digits.training.epochs", 2000)
    project.repro("plan")
    running = project.start(
        "python", "-m", "stages.train", "digits", "assistive", "clean", FRIENDFOE_CHECKPOINT_SECONDS="0.2"
    )
    wait_for_checkpoint(project, running)
    plan = project.path / "plan/digits/assistive/clean.json"
    plan.write_text(plan.read_text().replace("0.05", "0.001"))
    _, stderr = running.communicate(timeout=120)
    assert running.returncode == 1
    assert "plan/digits/assistive/clean.json was changed while this stage ran by it" in stderr


def test_a_signal_while_a_stage_starts_is_one_line(project):
    for wait in (0.15, 0.5, 1.0):
        running = project.start("python", "-m", "stages.train", "digits", "assistive", "clean")
        time.sleep(wait)
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=30)
        assert "Traceback" not in stderr


def test_an_unknown_stage_argument(project):
    def said(*arguments):
        return failure(project.run("python", "-m", *arguments))

    assert "there is no 'clen'; did you mean 'clean'?" in said("stages.train", "digits", "assistive", "clen")
    assert "there is no 'digts'; did you mean 'digits'?" in said("stages.train", "digts", "assistive", "clean")
    assert "there is no 'asistive'; did you mean 'assistive'?" in said("stages.evaluate", "digits", "asistive", "clean")
    assert "Missing argument" in said("stages.train", "digits", "assistive")


@pytest.mark.slow
def test_provenance_says_what_is_of_this_code(project):
    clean = project.run("friendfoe", "provenance", "digits")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "digits assistive: of this code and these params (commit " in clean.stdout
    project.set("assistive:augmented.mixed.share", 0.9)
    stale = project.run("friendfoe", "provenance", "digits")
    assert stale.returncode == 1
    assert "  mixed: share 1.0 -> 0.9" in stale.stdout.splitlines()
    project.set("assistive:augmented.mixed.share", 1.0)
    with (project.path / "friendfoe/training/optimization.py").open("a") as module:
        module.write("MORE = 1\n")
    assert "  clean: its code" in project.run("friendfoe", "provenance", "digits").stdout.splitlines()


def test_reports_say_where_they_come_from(done_project):
    provenance = json.loads((done_project.path / "reports/digits/assistive/study.json").read_text())["provenance"]
    assert {"commit", "python", "torch", "torchvision", "numpy", "matplotlib", "processor", "date"} <= provenance[
        "drawn"
    ].keys()
    assert provenance["models"]["clean"]["cpu_seconds"] > 0
    assert provenance["plan"]["clean"]["training"]["epochs"] == 2


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
    result = project.run("dvc", "exp", "run", "-S", "data.digits.eps=0.05", STUDY)
    assert result.returncode == 0, result.stderr
    assert project.run("git", "diff", "--numstat", "--", "params.yaml").stdout.split() == ["1", "1", "params.yaml"]
    show = ("dvc", "exp", "show", "--only-changed", "--drop", "[^:]*/[^:]*$", "--drop", "params.yaml$")
    table = project.run(*show, COLUMNS="120").stdout
    assert "digits.B_clean" in table
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 120
    queued = project.run("dvc", "exp", "run", "--queue", "-S", "data.digits.eps=0.1,0.15,0.25", STUDY)
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
    metrics = "reports/digits/assistive/metrics.json"
    attacked = {
        rev["data"]["params"]["params.yaml"]["data"]["data"]["digits"]["eps"]: rev["data"]["metrics"][metrics]["data"][
            "digits"
        ]["A_attacked"]
        for rev in experiments
    }
    assert sorted(attacked) == [0.05, 0.1, 0.15, 0.25]
    assert attacked[0.05] > attacked[0.25]
