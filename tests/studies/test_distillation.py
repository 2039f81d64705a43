"""The distillation study on a few digits with tiny networks, run once through its stages."""

import json

import numpy as np
import pandas as pd
import pytest

from friendfoe.evaluation import outcomes
from friendfoe.evaluation.job import EvaluationJob
from friendfoe.models.weights import read_header
from friendfoe.runtime import jobs, paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.job import AnalysisJob
from stages import analyse, check_gradients, evaluate, plan, plot, prepare, train
from tests.studies.workspaces import CHECKS, contents, entered, lay_out, params, replaced

REPORT, JSMA = paths.report("digits", "distillation"), paths.analysis("digits", "distillation", "jsma")
CHECKED = ["teacher-1", "distilled-100"]
SMALL = {
    "temperatures": [1, 100],
    "checked": CHECKED,
    "distances": {
        "images": 5,
        "l2": {"steps": 75, "binary_search_steps": 2, "lr": 0.1},
        "l0": {"steps": 5, "trials": 1, "lr": 0.1, "removed": 0.5},
        "linf": {"steps": 5, "trials": 1, "lr": 0.1, "shrink": 0.5},
    },
    "gradients": 20,
    "fooling": {"images": 1, "steps": 5, "step": 0.1, "confidence": 0.99, "rounds": 1, "learned": 2},
    "transfer": {
        "confidences": [0, 3],
        "images": 12,
        "steps": 3,
        "learners": 50,
        "network": {"kind": "mlp", "hidden": [8]},
    },
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder in which the study's report has been made from two temperatures."""
    path, section = tmp_path_factory.mktemp("distillation"), params("distillation")
    section["data"] = {
        "digits": {
            "eps": 0.2,
            "images": 10,
            "replicates": 3,
            "network": {"kind": "vgg", "channels": [4], "dense": [8], "dropout": 0.1},
            "training": {"epochs": 2, "batch": 16, "optimizer": "adamw", "learning_rate": 0.01},
            "attacks": {"autoattack": {"steps": 3, "n_target_classes": 2, "n_queries": 5}},
            "settings": {"distances": {"l2": {"steps": 10}}},
        }
    }
    section |= SMALL
    section["checks"] |= CHECKS
    digits = {**params()["data"]["digits"], "source": {"kind": "digits", "limit": 120}}
    lay_out(path, {"digits": digits}, distillation=section)
    with entered(path):
        plan.main()
        prepare.main("digits")
        train.main("digits", "distillation", ["surrogate"])
        for temperature in (1, 100):
            train.main("digits", "distillation", [f"teacher-{temperature}", f"distilled-{temperature}"])
        for model in CHECKED:
            check_gradients.main("digits", "distillation", model)
        evaluate.main("digits", "distillation")
        analyse.main("digits", "distillation")
        for part in ("jsma", "fooling", "transfer"):
            analyse.main("digits", "distillation", part)
        plot.main("digits", "distillation")
    return path


@pytest.fixture
def inside(workspace):
    with entered(workspace):
        yield workspace


def test_the_report_holds_tables_figures_and_claims(inside):
    files = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("resilience", "temperatures", "queries", "attacks", "gradient-checks", "gradients", "distances", "fooling",
              "confidences", "others", "models", "claims")  # fmt: skip
    figures = ("success", "gallery", "attacks", "gradients", "distances", "confidences", "fooling", "training")
    assert files >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert files >= {f"{figure}.svg" for figure in figures}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == 8


def test_numbers_in_the_tables_are_those_of_the_attacks(inside):
    with np.load(JSMA / "reached.npz") as arrays:
        reached = arrays["distilled-100/jsma"].astype(float)
    assert reached.shape == (3, 10, 9)  # 10 images towards 9 wrong classes
    assert set(np.unique(reached)) <= {-1, 0, 1}
    asked = np.where(reached < 0, np.nan, reached)
    table = pd.read_csv(REPORT / "tables" / "resilience.csv").set_index(["metric", "model", "condition"])
    row = table.loc[("success", "distilled-100", "jsma")]
    assert row["mean"] == pytest.approx(np.nanmean(asked.reshape(3, -1), axis=1).mean(), abs=1e-6)
    assert row["published"] == 0.0045


def test_outcomes_of_all_parts_are_of_the_same_images(inside):
    parts = [
        outcomes.read(paths.analysis("digits", "distillation", part) / "outcomes.npz") for part in ("jsma", "transfer")
    ]
    jsma, led = parts[0]["success", "distilled-100", "jsma"], parts[1]["transferred", "distilled-100", "confidence-3"]
    evaluated = outcomes.read(paths.outcomes("digits", "distillation", "distilled-100"))
    whole = evaluated["accuracy-crafted", "distilled-100", "margin"]
    assert jsma.images == led.images == whole.images == "test"
    assert jsma.samples.tolist() == led.samples.tolist() == whole.samples.tolist()
    right = evaluated["accuracy", "distilled-100", "clean"].values > 0
    assert (np.isnan(jsma.values) == ~right).all()  # images that are wrong as they are do not count
    assert np.isnan(led.values[~right]).all()


def test_transferred_images_come_from_other_initial_weights(inside):
    seeds = {
        name: read_header(paths.replicate(paths.model("digits", "distillation", name), 0)).seed
        for name in ("surrogate", "teacher-1", "distilled-100")
    }
    assert seeds["teacher-1"] == seeds["distilled-100"] != seeds["surrogate"]
    assert jobs.read(EvaluationJob, "digits", "distillation", "evaluate").source == "distillation/surrogate"


def test_students_learn_what_their_teacher_said(inside):
    soft = paths.replicate(paths.soft("digits", "distillation", "teacher-100"), 1)
    curve = paths.curve("digits", "distillation", "distilled-100")
    before = curve.read_bytes()
    with replaced(soft, soft.read_bytes()):
        train.main("digits", "distillation", ["distilled-100"])
        assert curve.read_bytes() == before
        soft.unlink()
        with pytest.raises(UserError, match=r"teacher-100/replicate-1\.safetensors is missing"):
            train.main("digits", "distillation", ["distilled-100"])


@pytest.mark.slow
def test_replotting_gives_the_same_bytes(inside):
    before = contents(REPORT)
    plot.main("digits", "distillation")
    assert contents(REPORT) == before


def test_a_part_that_is_not_there_names_the_nearest(inside):
    with pytest.raises(UserError, match="there is no 'jsam'; did you mean 'jsma'"):
        analyse.main("digits", "distillation", "jsam")


def test_a_data_set_may_have_its_own_budget_of_cw(inside):
    settings = jobs.read(AnalysisJob, "digits", "distillation", "analyse").settings
    assert settings["distances"]["l2"] == {"steps": 10, "binary_search_steps": 2, "lr": 0.1}
    assert "2 searches of 10 steps" in (REPORT / "tables" / "distances.md").read_text()


def test_fooling_images_are_saved_pixels(inside):
    images = np.load(paths.analysis("digits", "distillation", "fooling") / "fooling-gallery.npz")["images"]
    assert images.dtype == np.uint8
    assert len(images) == 20  # one per class of two networks
