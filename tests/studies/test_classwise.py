"""The class-wise study on a few digits with tiny networks, run once through its stages."""

import json

import pandas as pd
import pytest
from ruamel.yaml import YAML

from friendfoe import params
from friendfoe.data.store import load_split
from friendfoe.models.registry import load, read_header
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.classwise.names import ATTACKS, DEFENCES, MODELS
from friendfoe.training.recipes import Validation
from friendfoe.training.replicate import training_images
from stages import analyse, evaluate, plot, prepare, report, train

SMALL = {
    "source": {"kind": "digits", "limit": 80},
    "replicates": 2,
    "network": {"kind": "mlp", "hidden": [8]},
    "training": {"epochs": 2, "batch": 16, "optimizer": "sgd", "learning_rate": 0.1},
    "studies": {
        "classwise": {
            "eps": 0.1,
            "crafting": {"steps": 2, "step": 0.5},
            "training": {"validation": {"share": 0.25}},
            "attacks": {
                "pgd": {"steps": 3}, "margin_pgd": {"steps": 3}, "temperature_pgd": {"steps": 3},
                "autoattack": {"steps": 3, "classes": 2, "queries": 5}, "square": {"queries": 5},
            },
            "images": 50,
            "share": 0.9,
            "remark": "Few images, for a test.",
        }
    },
}  # fmt: skip
REPORT = paths.report("digits", "classwise")
ANALYSIS = paths.analysis("digits", "classwise")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    yaml = YAML()
    content = yaml.load(params.FILE)
    content["data"]["digits"] |= SMALL
    content["studies"]["classwise"]["homing"] = {"removals": 2, "group": 2}
    path = tmp_path_factory.mktemp("classwise")
    yaml.dump(content, path / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("FRIENDFOE_WORKERS", "1")
        prepare.main("digits")
        for model in ("clean", *MODELS):
            train.main("digits", model)
        for model in MODELS:
            evaluate.main("classwise", "digits", model)
        analyse.main("classwise", "digits")
        plot.main("classwise", "digits")
        report.main("digits")
    return path


@pytest.fixture
def inside(workspace, monkeypatch):
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("FRIENDFOE_WORKERS", "1")
    return workspace


def test_the_report_holds_tables_figures_and_seven_claims(inside):
    found = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("accuracy", "order", "claims", "classes", "classes-unequal", "order-of-classes", "gains", "norms",
              "temperature", "homing", "mitigation", "comparators", "further", "checkpoints", "models", "attacks", "rounding")  # fmt: skip
    figures = ("heat-map", "sorted", "confusion", "temperature", "homing", "weakest", "training")
    assert found >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert found >= {f"{figure}.{kind}" for figure in figures for kind in ("png", "svg")}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == 7
    assert "Class-wise robustness" in (inside / "reports/digits/index.html").read_text()


def test_the_notes_say_what_is_reduced(inside):
    split = load_split(paths.prepared("digits"), "train")
    used = training_images(params.read(), "digits", "pgd-at", split, 0, Validation(share=0.25))
    assert len(used) == round(0.75 * 0.9 * len(split))
    text = (REPORT / "tables" / "accuracy.md").read_text()
    assert f"trained on {len(used)} of {len(split)} images" in text
    assert text.rstrip().endswith("Few images, for a test.")
    attacks = (REPORT / "tables" / "attacks.md").read_text()
    assert "| PGD in training | steps: 2, step: 0.5 " in attacks
    assert "steps: 3, classes: 2, queries: 5" in attacks
    assert "The standard AutoAttack has 100 steps, 9 target classes and 5000 queries" in attacks


def test_evaluations_are_of_the_chosen_images_with_the_tailored_attacks(inside):
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
            directory = paths.model("digits", model)
            assert read_header(paths.last(directory, number)) == read_header(paths.replicate(directory, number))
            load(paths.last(directory, number))
        curve = pd.read_csv(paths.curve("digits", model), sep="\t")
        assert curve["validation_accuracy"].between(0, 1).all()
    assert paths.replicates(paths.model("digits", "pgd-at")) == 2


def test_every_variant_is_counted_on_the_same_images(inside):
    variants = pd.read_csv(ANALYSIS / "mitigation.csv")
    assert (variants.groupby(["variant", "condition", "replicate"])["n"].sum() == 50).all()
    assert set(variants["variant"]) == {"none", "rows", "prior"}
    clean = variants[(variants["variant"] == "none") & (variants["condition"] == "clean")]
    rows = pd.read_csv(paths.evaluation("digits", "classwise", "pgd-at"))
    assert clean["correct"].sum() == rows.loc[rows["condition"] == "clean", "correct"].sum()


def test_replotting_and_analysing_again_give_the_same_bytes(inside):
    before = contents(REPORT), contents(ANALYSIS)
    analyse.main("classwise", "digits")
    plot.main("classwise", "digits")
    assert (contents(REPORT), contents(ANALYSIS)) == before


def test_comparators_stand_in_their_own_columns_and_judge_nothing(inside):
    text = (REPORT / "tables" / "comparators.md").read_text()
    assert "Wei et al. (CIFAR-10)" in text
    assert "could not be obtained" in text
    claims = pd.read_csv(REPORT / "tables" / "claims.csv")
    assert claims["published"].isna().all()


def test_without_validation_the_study_says_what_it_needs(inside, monkeypatch):
    content = YAML().load(inside / "params.yaml")
    content["data"]["digits"]["studies"]["classwise"]["training"] = {}
    other = inside / "other"
    other.mkdir()
    YAML().dump(content, other / "params.yaml")
    monkeypatch.chdir(other)
    with pytest.raises(UserError, match=r"data\.digits\.studies\.classwise\.training: this study needs `validation`"):
        analyse.main("classwise", "digits")


def contents(directory):
    return {path: path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}
