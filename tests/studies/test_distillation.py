"""The distillation study on a few digits with tiny networks, run once through its stages."""

import json

import numpy as np
import pandas as pd
import pytest

from friendfoe.runtime import jobs, paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.job import AnalysisJob
from stages import analyse, check_gradients, evaluate, plan, plot, prepare, train
from tests.studies.workspaces import contents, entered, lay_out, params, replaced

REPORT, JSMA = paths.report("digits", "distillation"), paths.analysis("digits", "distillation", "jsma")
CHECKED = ["teacher-1", "distilled-100"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder in which the study's report has been made from two temperatures."""
    path, section = tmp_path_factory.mktemp("distillation"), params("distillation")
    section["data"] = {
        "digits": {
            "eps": 0.2,
            "images": 10,
            "replicates": 2,
            "network": {"kind": "vgg", "channels": [4], "dense": [8], "dropout": 0.1},
            "training": {"epochs": 2, "batch": 16, "optimizer": "adamw", "learning_rate": 0.01},
            "attacks": {"autoattack": {"steps": 3, "n_target_classes": 2, "n_queries": 5}},
            "settings": {"distances": {"steps": 10}},
        }
    }
    section |= {
        "temperatures": [1, 100],
        "checked": CHECKED,
        "distances": {"images": 5, "steps": 75, "binary_search_steps": 2, "lr": 0.1},
        "gradients": 20,
        "fooling": {"images": 1, "steps": 5, "step": 0.1, "confidence": 0.99},
    }
    digits = {**params()["data"]["digits"], "source": {"kind": "digits", "limit": 120}}
    lay_out(path, {"digits": digits}, distillation=section)
    with entered(path):
        plan.main()
        prepare.main("digits")
        for temperature in (1, 100):
            train.main("digits", "distillation", [f"teacher-{temperature}", f"distilled-{temperature}"])
        for model in CHECKED:
            check_gradients.main("digits", "distillation", model)
        evaluate.main("digits", "distillation")
        analyse.main("digits", "distillation")
        analyse.main("digits", "distillation", "jsma")
        plot.main("digits", "distillation")
    return path


@pytest.fixture
def inside(workspace):
    with entered(workspace):
        yield workspace


def test_the_report_holds_tables_figures_and_four_claims(inside):
    files = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("resilience", "temperatures", "queries", "attacks", "gradient-masking", "gradients", "distances", "fooling",
              "models", "claims")  # fmt: skip
    figures = ("success", "gallery", "attacks", "gradients", "distances", "fooling", "training")
    assert files >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert files >= {f"{figure}.{kind}" for figure in figures for kind in ("png", "svg")}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == 4


def test_numbers_in_the_tables_are_those_of_the_attacks(inside):
    rows = pd.read_csv(JSMA / "success.csv")
    softmax = rows[(rows["model"] == "distilled-100") & (rows["kind"] == "jsma")]
    sums = softmax.groupby("replicate")[["n", "reached"]].sum()
    assert (sums["n"] == 90).all()  # 10 images towards 9 wrong classes
    table = pd.read_csv(REPORT / "tables" / "resilience.csv").set_index(["metric", "model", "condition"])
    mean = table.loc[("success", "distilled-100", "jsma"), "mean"]
    assert mean == pytest.approx((sums["reached"] / sums["n"]).mean(), abs=1e-6)
    assert table.loc[("success", "distilled-100", "jsma"), "published"] == 0.0045
    assert (rows["label"] != rows["target"]).all()


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


def test_replotting_gives_the_same_bytes(inside):
    before = contents(REPORT)
    plot.main("digits", "distillation")
    assert contents(REPORT) == before


def test_a_part_that_is_not_there_names_the_nearest(inside):
    with pytest.raises(UserError, match="there is no 'jsam'; did you mean 'jsma'"):
        analyse.main("digits", "distillation", "jsam")


def test_a_data_set_may_have_its_own_budget_of_cw(inside):
    settings = jobs.read(AnalysisJob, "digits", "distillation", "analyse").settings
    assert settings["distances"] == {"images": 5, "steps": 10, "binary_search_steps": 2, "lr": 0.1}
    assert "2 searches of 10 steps" in (REPORT / "tables" / "distances.md").read_text()


def test_fooling_images_are_saved_pixels(inside):
    images = np.load(paths.analysis("digits", "distillation", "analyse") / "fooling-gallery.npz")["images"]
    assert images.dtype == np.uint8
    assert len(images) == 20  # one per class of two networks
