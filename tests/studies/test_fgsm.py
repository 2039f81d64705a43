"""The FGSM study on a few digits with tiny networks, run once through its stages."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from friendfoe.data.store import load_split
from friendfoe.evaluation.outcomes import read
from friendfoe.runtime import paths
from friendfoe.studies.evidence import KEY
from friendfoe.studies.fgsm.claims import CLAIMS
from friendfoe.studies.fgsm.names import HARDENED, NEEDED, SOURCES
from friendfoe.training.job import Job
from stages import analyse, check_gradients, plan, plot, prepare, train
from tests.studies.workspaces import CHECKS, contents, entered, lay_out, params

REPORT, ANALYSIS = paths.report("digits", "fgsm"), paths.analysis("digits", "fgsm", "analyse")
TINY = {"kind": "maxout", "units": [6], "pieces": 2}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder in which the study has been made for a few digits."""
    path, section = tmp_path_factory.mktemp("fgsm"), params("fgsm")
    digits = {**params()["data"]["digits"], "source": {"kind": "digits", "limit": 80}, "replicates": 2}
    own = section["data"]["digits"]
    own |= {"eps": 0.8}  # so large that AutoAttack is done soon
    own["training"] |= {"epochs": 2, "batch": 20}
    own["models"] = {name: {"network": TINY} for name in section["models"] if name.startswith("maxout")}
    own["models"]["maxout-sigmoids"] = {"network": TINY | {"output": "sigmoids"}}
    own["models"]["ensemble"] = {"network": {"kind": "ensemble", "members": 2, "of": TINY}}
    own["models"]["sigmoid"] = {"network": {"kind": "saturating", "hidden": [6], "activation": "sigmoid"}}
    own["settings"] = {"iterated": {"images": 12, "steps": 2}, "rubbish": 20}
    own["settings"]["logits"] = {"reach": 15.0, "points": 11, "near_points": 5, "images": 5}
    section["data"] = {"digits": own}
    section["checks"] |= CHECKS
    lay_out(path, {"digits": digits}, fgsm=section)
    with entered(path):
        plan.main()
        prepare.main("digits")
        train.main("digits", "fgsm", [*section["models"]])
        for model in section["checked"]:
            check_gradients.main("digits", "fgsm", model)
        analyse.main("digits", "fgsm")
        plot.main("digits", "fgsm")
    return path


@pytest.fixture
def inside(workspace):
    with entered(workspace):
        yield workspace


def test_the_report_holds_tables_figures_and_claims(inside):
    files = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("errors", "steps", "pixels", "weight-decay", "matrix", "transfer", "agreement", "linearity", "saturation",
              "growth", "logistic", "filters", "rubbish", "fooling", "detector", "models", "claims")  # fmt: skip
    figures = ("panda", "by-eps", "matrix", "logits", "filters", "fooling", "training")
    assert files >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert files >= {f"{figure}.svg" for figure in figures}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == len(CLAIMS)


def test_the_misread_row_stands_under_its_right_name(inside):
    text = (REPORT / "tables" / "errors.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| MP-DBM"))
    assert "97.5" in row
    assert "The review takes its 97.5 %" in text
    table = pd.read_csv(REPORT / "tables" / "errors.csv").set_index(KEY)
    assert np.isnan(table.loc[("error", "mp-dbm", "fgsm"), "mean"])
    assert table.loc[("confidence-wrong", "googlenet", "fgsm"), "published"] == 0.993
    assert table.loc[("error", "softmax", "fgsm"), "replicates"] == 2


def test_numbers_in_the_tables_come_from_the_outcomes_of_single_images(inside):
    outcomes = read(ANALYSIS / "outcomes.npz")
    one = outcomes["error", "maxout", "fgsm"]
    test = load_split(paths.prepared("digits"), "test")
    assert one.values.shape == (2, len(test))
    assert one.labels.tolist() == test.labels.tolist()
    table = pd.read_csv(REPORT / "tables" / "errors.csv").set_index(KEY)
    assert table.loc[("error", "maxout", "fgsm"), "mean"] == pytest.approx(one.values.mean(), abs=1e-6)
    drawn = outcomes["error", "maxout", "autoattack"]
    assert len(drawn.samples) == 12
    assert (drawn.labels == test.labels.numpy()[drawn.samples]).all()
    steps = pd.read_csv(REPORT / "tables" / "steps.csv").set_index(KEY)
    assert steps.loc[("error", "maxout", "autoattack"), "mean"] == pytest.approx(drawn.values.mean(), abs=1e-6)


def test_more_of_an_attack_finds_no_less(inside):
    outcomes = read(ANALYSIS / "outcomes.npz")
    for name in HARDENED:
        assert (outcomes["error", name, "autoattack"].values >= outcomes["error", name, "pgd"].values).all()


def test_all_begin_alike_but_for_what_examples_are_transferred_from(inside):
    jobs = {name: Job.model_validate_json(paths.plan("digits", "fgsm", name).read_text()) for name in NEEDED}
    seeds = {name: job.weights_seed(0) for name, job in jobs.items()}
    assert seeds["maxout"] == seeds["maxout-adversarial"] == seeds["maxout-signs"]
    assert seeds["maxout-other"] not in {seed for name, seed in seeds.items() if name != "maxout-other"}
    assert "maxout" not in SOURCES


def test_early_stopping_retrains_on_everything(inside):
    curve = pd.read_csv(paths.curve("digits", "fgsm", "maxout-adversarial"), sep="\t")
    steps = len(load_split(paths.prepared("digits"), "train")) // 20
    assert (curve["step"] == curve["epoch"] * steps).all()  # of all images, none held out
    assert curve.groupby("replicate")["epoch"].max().nunique() == 1  # found once, for all replicates
    assert not list(inside.glob(".friendfoe/checkpoints/*"))


@pytest.mark.slow
def test_doing_it_again_gives_the_same_bytes(inside):
    before = contents(ANALYSIS, REPORT)
    analyse.main("digits", "fgsm")
    plot.main("digits", "fgsm")
    assert contents(ANALYSIS, REPORT) == before


@pytest.mark.slow
def test_another_process_computes_the_same_numbers(inside):
    """Of logistic regression, too, which the analysis trains itself; and in the same order, whatever Python hashes."""
    before = contents(ANALYSIS)
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-m", "stages.analyse", "digits", "fgsm"], env=environment, check=True)
    assert contents(ANALYSIS) == before
    values = pd.read_csv(ANALYSIS / "measures.csv").set_index(KEY)["value"]
    assert values["loss", "logistic", "fgsm"].nunique() == 2  # replicates differ
