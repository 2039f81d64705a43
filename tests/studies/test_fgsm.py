"""The FGSM study on a few digits with tiny networks, run once through its stages."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from friendfoe.data.store import load_split
from friendfoe.runtime import paths
from friendfoe.studies.fgsm.tables import KEYS
from stages import analyse, plan, plot, prepare, train
from tests.studies.workspaces import contents, entered, lay_out, params

REPORT, ANALYSIS = paths.report("digits", "fgsm"), paths.analysis("digits", "fgsm", "analyse")
TINY = {"kind": "maxout", "units": [6], "pieces": 2}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder in which the study has been made for a few digits."""
    path, section = tmp_path_factory.mktemp("fgsm"), params("fgsm")
    digits = {**params()["data"]["digits"], "source": {"kind": "digits", "limit": 80}, "replicates": 2}
    own = section["data"]["digits"]
    own["training"] |= {"epochs": 2, "batch": 20}
    own["models"] = {name: {"network": TINY} for name in section["models"] if name.startswith("maxout")}
    own["models"]["maxout-sigmoids"] = {"network": TINY | {"output": "sigmoids"}}
    own["models"]["ensemble"] = {"network": {"kind": "ensemble", "members": 2, "of": TINY}}
    section |= {"data": {"digits": own}, "rubbish": 20, "logits": {"reach": 15.0, "points": 11, "images": 5}}
    lay_out(path, {"digits": digits}, fgsm=section)
    with entered(path):
        plan.main()
        prepare.main("digits")
        train.main("digits", "fgsm", [*section["models"]])
        analyse.main("digits", "fgsm")
        plot.main("digits", "fgsm")
    return path


@pytest.fixture
def inside(workspace):
    with entered(workspace):
        yield workspace


def test_the_report_holds_tables_figures_and_ten_claims(inside):
    files = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("errors", "pixels", "weight-decay", "matrix", "transfer", "agreement", "linearity", "logistic", "filters",
              "rubbish", "fooling", "models", "claims")  # fmt: skip
    figures = ("panda", "by-eps", "matrix", "logits", "filters", "fooling", "training")
    assert files >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert files >= {f"{figure}.{kind}" for figure in figures for kind in ("png", "svg")}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == 10


def test_the_misread_row_stands_under_its_right_name(inside):
    text = (REPORT / "tables" / "errors.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| MP-DBM"))
    assert "97.5" in row
    assert "The review takes its 97.5 %" in text
    table = pd.read_csv(REPORT / "tables" / "errors.csv").set_index(["model", "condition", "metric"])
    assert np.isnan(table.loc[("mp-dbm", "fgsm", "error"), "mean"])
    assert table.loc[("googlenet", "fgsm", "confidence-wrong"), "published"] == 0.993
    assert table.loc[("softmax", "fgsm", "error"), "replicates"] == 2


def test_numbers_in_the_tables_come_from_the_measures(inside):
    values = pd.read_csv(ANALYSIS / "measures.csv").set_index([*KEYS, "replicate"])["value"].sort_index()
    table = pd.read_csv(REPORT / "tables" / "errors.csv").set_index(["model", "condition", "metric"])
    expected = values["maxout", "fgsm", "error"].mean()
    assert table.loc[("maxout", "fgsm", "error"), "mean"] == pytest.approx(expected, abs=1e-6)
    by_eps = pd.read_csv(ANALYSIS / "by-eps.csv").query("model == 'maxout'")
    at = np.isclose(by_eps["eps"], params("fgsm")["data"]["digits"]["eps"])
    assert by_eps[at]["error"].mean() == pytest.approx(expected, abs=1e-6)


def test_early_stopping_retrains_on_everything(inside):
    curve = pd.read_csv(paths.curve("digits", "fgsm", "maxout-adversarial"), sep="\t")
    steps = len(load_split(paths.prepared("digits"), "train")) // 20
    assert (curve["step"] == curve["epoch"] * steps).all()  # of all images, none held out
    assert curve.groupby("replicate")["epoch"].max().nunique() == 1  # found once, for all replicates
    assert not list(inside.glob(".friendfoe/checkpoints/*"))


def test_doing_it_again_gives_the_same_bytes(inside):
    before = contents(ANALYSIS, REPORT)
    analyse.main("digits", "fgsm")
    plot.main("digits", "fgsm")
    assert contents(ANALYSIS, REPORT) == before


def test_another_process_computes_the_same_numbers(inside):
    """Of logistic regression, too, which the analysis trains itself; and in the same order, whatever Python hashes."""
    before = contents(ANALYSIS)
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-m", "stages.analyse", "digits", "fgsm"], env=environment, check=True)
    assert contents(ANALYSIS) == before
    values = pd.read_csv(ANALYSIS / "measures.csv").set_index(["model", "condition", "metric"])["value"]
    assert values["logistic", "fgsm", "loss"].nunique() == 2  # replicates differ
