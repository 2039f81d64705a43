"""The pipeline itself: what runs again when something changes, and that it gives the same."""

import json

import pytest

from friendfoe import studies
from tests.pipeline.conftest import FEW_STAGES, tensors

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


def test_a_study_runs_and_then_does_nothing(done_project, project):
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
    assert project.repro(**FEW_STAGES) == []
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
        pytest.param("assistive:augmented.mixed.share", 0.9, ["assistive train-augmented@digits-mixed", "assistive evaluate-augmented@digits-mixed", ANALYSE, *DRAWN], marks=pytest.mark.slow),
        # a study's own setting: nothing is trained or evaluated again
        pytest.param("assistive:patch.areas", [0.2], [ANALYSE, *DRAWN], marks=pytest.mark.slow),
        # another data set, and another study
        pytest.param("data.mnist.eps", 0.3, [], marks=pytest.mark.slow),
        pytest.param("fgsm:rubbish", 100, [], marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_change_reruns_only_what_follows_from_it(project, key, value, expected):
    project.set(key, value)
    assert set(project.repro()) == {"plan", *expected}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        pytest.param("friendfoe/training/loop.py", "# why\n", [], marks=pytest.mark.slow),  # a comment
        ("friendfoe/studies/assistive/drawings.py", "MORE = 1\n", DRAWN),
        pytest.param("friendfoe/report/page.py", "MORE = 1\n", DRAWN, marks=pytest.mark.slow),
        pytest.param("friendfoe/pipeline/needs.py", "MORE = 1\n", [], marks=pytest.mark.slow),  # no stage's
    ],
)
def test_a_change_of_code_reruns_what_uses_it(project, file, text, expected):
    with (project.path / file).open("a") as module:
        module.write(text)
    assert project.repro(**FEW_STAGES) == ["plan", *expected]


@pytest.mark.slow
def test_eps_leaves_models_trained_on_clean_images_alone(project):
    project.set("data.digits.eps", 0.1)
    project.plan()
    lines = project.run("dvc", "status", "--recursive", "pipelines/assistive").stdout.splitlines()
    changed = {line.split(":")[1] for line in lines if line.startswith("pipelines/assistive/dvc.yaml:")}
    assert {name.split()[1] for name in PERTURB} <= changed
    assert not {name.split()[1] for name in TRAINING} & changed


@pytest.mark.slow
def test_going_back_to_earlier_params_trains_nothing_again(project):
    half = "pipelines/assistive/dvc.yaml:train@digits-clean-half"
    project.set("assistive:models.clean-half.share", 0.4)
    project.repro(half, **FEW_STAGES)
    changed = project.files("models/digits/assistive/clean-half")
    project.set("assistive:models.clean-half.share", 0.5)
    result = project.run("dvc", "repro", half, **FEW_STAGES)
    assert f"Stage '{half}' is cached - skipping run" in result.stdout
    assert project.files("models/digits/assistive/clean-half") != changed


@pytest.mark.slow
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
