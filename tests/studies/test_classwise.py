"""The class-wise study on a few digits with tiny networks, run once through its stages."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from friendfoe.data.store import load_split
from friendfoe.evaluation import outcomes
from friendfoe.models.weights import load, read_header
from friendfoe.runtime import jobs, paths
from friendfoe.studies.classwise.claims import CLAIMS
from friendfoe.studies.classwise.names import (
    ATTACKS,
    DEFENCES,
    MODEL,
    MODELS,
    PRIOR,
    RESTARTS,
    ROWS,
    TEMPERATURES,
    TOGETHER_T,
)
from friendfoe.studies.classwise.settings import Settings
from friendfoe.training.images import training_images
from friendfoe.training.job import Job
from stages import analyse, check_gradients, evaluate, plan, plot, prepare, report, train
from tests.studies.workspaces import CHECKS, DIGITS, contents, entered, lay_out, params

OWN = {
    "eps": 0.1,
    "inner_attack": {"steps": 2, "rel_step": 0.5},
    "training": {"validation": {"share": 0.25}},
    "attacks": {
        "pgd": {"steps": 3},
        "margin_pgd": {"steps": 3},
        "temperature_pgd": {"steps": 3},
        "autoattack": {"steps": 3, "n_target_classes": 2, "n_queries": 5},
        "square": {"n_queries": 5},
    },
    "images": 50,
    "share": 0.9,
    "remark": "Few images, for a test.",
}
REPORT = paths.report("digits", "classwise")
ANALYSIS = paths.analysis("digits", "classwise", "analyse")


def sections(data, own):
    """The params of the study on a data set, and of the one that trains the source of the transfer."""
    classwise, assistive = params("classwise"), params("assistive")
    classwise |= {"data": {data: own}, "homing": {"removals": 2, "group": 2}, "standard": {"images": 5}}
    classwise["checks"] |= CHECKS
    return {"classwise": classwise, "assistive": {**assistive, "data": {data: {}}}}


def everything(data):
    """Run all stages of the study."""
    plan.main()
    prepare.main(data)
    train.main(data, "assistive", ["clean"])
    train.main(data, "classwise", [*MODELS])
    for model in MODELS:
        evaluate.main(data, "classwise", model)
    for model in params("classwise")["checked"]:
        check_gradients.main(data, "classwise", model)
    analyse.main(data, "classwise")
    plot.main(data, "classwise")
    report.main(data)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    path = tmp_path_factory.mktemp("classwise")
    digits = {**DIGITS, "source": {"kind": "digits", "limit": 80}}
    lay_out(path, {"digits": digits}, **sections("digits", OWN))
    with entered(path):
        everything("digits")
    return path


@pytest.fixture
def inside(workspace):
    with entered(workspace):
        yield workspace


def test_the_report_holds_tables_figures_and_a_verdict_on_every_claim(inside):
    files = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("accuracy", "order", "autoattack-check", "claims", "classes", "classes-unequal", "order-of-classes",
              "gains", "gains-by-class", "norms", "temperature", "homing", "mitigation", "comparators", "further",
              "checkpoints", "models", "attacks", "rounding")  # fmt: skip
    figures = ("heat-map", "sorted", "confusion", "temperature", "homing", "weakest", "training")
    assert files >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert files >= {f"{figure}.svg" for figure in figures}
    claims = json.loads((REPORT / "study.json").read_text())["claims"]
    assert len(claims) == len(CLAIMS) - 1 == 12  # the last one is of the classes of CIFAR-10
    assert {one["verdict"] for one in claims} == {"cannot be tested here"}  # two replicates
    assert "Class-wise robustness" in (inside / "reports/digits/index.html").read_text()


def test_the_notes_say_what_is_reduced(inside):
    split = load_split(paths.prepared("digits"), "train")
    job = jobs.read(Job, "digits", "classwise", "pgd-at")
    used = training_images(job, split, 0, job.training.validation)
    assert len(used) == round(0.75 * 0.9 * len(split))
    text = (REPORT / "tables" / "accuracy.md").read_text()
    assert f"trained on {len(used)} of {len(split)} images" in text
    assert text.rstrip().endswith("Few images, for a test.")
    attacks = (REPORT / "tables" / "attacks.md").read_text()
    assert re.search(r"\| PGD in training +\| steps: 2, rel step: 0\.5 ", attacks)
    assert re.search(r"\| reduced AutoAttack +\| norm: linf, steps: 3, n target classes: 2, n queries: 5 ", attacks)
    assert "The standard AutoAttack has 100 steps, 9 target classes and 5000 queries" in attacks


def test_evaluations_are_of_the_chosen_images_with_the_attacks_of_the_data_set(inside):
    rows = pd.read_csv(paths.evaluation("digits", "classwise", "trades"), dtype={"class": str})
    sums = rows.groupby(["condition", "pixels", "replicate"])["n"].sum()
    assert (sums == 50).all()
    assert {condition for condition, pixels, _ in sums.index if pixels == "float"} == set(ATTACKS)


def test_confusions_are_those_of_the_evaluation(inside):
    """The analysis attacks again; it must meet the same images."""
    confusion = pd.read_csv(ANALYSIS / "confusion.csv", dtype={"class": str, "answer": str})
    right = confusion[confusion["class"] == confusion["answer"]].set_index(["model", "replicate", "class"])["n"]
    for model in DEFENCES:
        rows = pd.read_csv(paths.evaluation("digits", "classwise", model), dtype={"class": str})
        rows = rows[(rows["condition"] == "pgd") & (rows["pixels"] == "float")].set_index(["replicate", "class"])
        pd.testing.assert_series_equal(right.loc[model], rows["correct"], check_names=False)
    assert (confusion.groupby(["model", "replicate"])["n"].sum() == 50).all()


def test_the_best_and_the_last_epoch_are_saved(inside):
    for model in DEFENCES:
        for number in range(2):
            directory = paths.model("digits", "classwise", model)
            assert read_header(paths.last(directory, number)) == read_header(paths.replicate(directory, number))
            load(paths.last(directory, number))
        curve = pd.read_csv(paths.curve("digits", "classwise", model), sep="\t")
        assert curve["validation_accuracy"].between(0, 1).all()
    assert paths.replicates(paths.model("digits", "classwise", "pgd-at")) == 2


def test_every_variant_is_counted_on_the_same_images(inside):
    found = outcomes.read(ANALYSIS / "outcomes.npz")
    rows = load_split(paths.prepared("digits"), "test").rows(50)
    evaluated = outcomes.read(paths.outcomes("digits", "classwise", MODEL))
    for key in (("accuracy-crafted", ROWS, "autoattack"), ("accuracy-crafted", f"{MODEL}/last", "pgd")):
        assert found[key].samples.tolist() == rows.tolist()
        assert found[key].values.shape == (2, 50)
    for number, strength in enumerate(pd.read_csv(ANALYSIS / "strengths.csv")["strength"]):
        assert np.isnan(found["accuracy-crafted", PRIOR, "pgd"].values[number]).all() == (strength == 0)
    standard = found["accuracy-crafted", MODEL, "standard"]
    assert standard.values.shape == (1, 5)
    assert set(standard.samples) <= set(rows.tolist())
    right = evaluated["accuracy-crafted", MODEL, "pgd"].values == 1
    assert (np.isnan(found["among-two", MODEL, "pgd"].values) == right).all()


def test_five_runs_face_five_runs_and_one_success_counts(inside):
    """What one run makes wrong is wrong after all five; those that stop at a success may find more on their way."""
    found, evaluated = (
        outcomes.read(path) for path in (ANALYSIS / "outcomes.npz", paths.outcomes("digits", "classwise", "trades"))
    )
    every = found["accuracy-crafted", "trades", TOGETHER_T].values
    for name in TEMPERATURES:
        assert (every <= evaluated["accuracy-crafted", "trades", name].values).all()
    restarts = found["accuracy-crafted", "trades", RESTARTS].values
    assert (restarts <= evaluated["accuracy-crafted", "trades", "pgd"].values).all()


def test_choices_are_made_on_images_that_were_not_learnt_and_are_not_test_images(inside):
    held = pd.read_csv(ANALYSIS / "held-out.csv", dtype={"class": str})
    split = load_split(paths.prepared("digits"), "train")
    for model in DEFENCES:
        rows = held[(held["model"] == model) & (held["condition"] == "pgd") & (held["replicate"] == 0)]
        job = jobs.read(Job, "digits", "classwise", model)
        used = training_images(job.model_copy(update={"share": 1.0}), split, 0, job.training.validation)
        unused = split.labels.bincount(minlength=10) - used.labels.cpu().bincount(minlength=10)
        assert rows["n"].tolist() == unused.tolist()


@pytest.mark.slow
def test_readers_look_through_the_images_that_were_counted(inside):
    arrays = np.load(ANALYSIS / "explorer.npz")
    for number, model in enumerate(arrays["models"].tolist()):
        known = outcomes.read(paths.outcomes("digits", "classwise", model))
        for condition in Settings.explored:
            one = known["accuracy", model, condition]
            rows = [row for label in range(10) for row in np.flatnonzero(one.labels == label)[:2]]
            answers = arrays[f"{condition}/foe/probabilities"][number, -1].argmax(-1)
            np.testing.assert_array_equal(answers == arrays["labels"], one.values[0, rows] == 1)
    assert {"transfer/friend/sizes", "square/foe/sizes"} <= {*arrays}
    assert "square/friend/sizes" not in arrays


def test_replotting_and_analysing_again_give_the_same_bytes(inside):
    before = contents(REPORT, ANALYSIS)
    analyse.main("digits", "classwise")
    plot.main("digits", "classwise")
    assert contents(REPORT, ANALYSIS) == before


def test_comparators_stand_in_their_own_columns_and_judge_nothing(inside):
    text = (REPORT / "tables" / "comparators.md").read_text()
    assert "Wei et al. (CIFAR-10)" in text
    assert "could not be obtained" in text
    claims = pd.read_csv(REPORT / "tables" / "claims.csv")
    assert claims["published"].isna().all()
