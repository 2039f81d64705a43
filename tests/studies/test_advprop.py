"""The AdvProp study on a few digits with tiny networks, run once through its stages."""

import json

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from friendfoe.data.store import load_split
from friendfoe.models.branches import Branches
from friendfoe.models.weights import load, read_header
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.advprop.names import METHODS
from stages import analyse, plan, plot, prepare, train
from tests.studies.workspaces import contents, entered, lay_out, params, replaced

REPORT = paths.report("digits", "advprop")
SIZES = ["narrow", "wide"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder in which the study's report has been made from two sizes and three attackers."""
    path, section = tmp_path_factory.mktemp("advprop"), params("advprop")
    section["data"] = {
        "digits": {
            "eps": 0.1,
            "inner_attack": {"steps": 1, "rel_step": 1.0},
            "images": 10,
            "share": 0.7,
            "replicates": 2,
            "network": {"kind": "cnn", "width": 2},
            "training": {"epochs": 2, "batch": 16, "learning_rate": 0.02},
            "sizes": {
                name: {"network": {"kind": "cnn", "width": width}} for name, width in zip(SIZES, (1, 3), strict=True)
            },
        }
    }
    section["models"]["attackers"]["sweep"] = {"strengths": [0, 1], "steps": [2]}
    digits = {**params()["data"]["digits"], "source": {"kind": "digits", "limit": 120}}
    lay_out(path, {"digits": digits}, advprop=section)
    with entered(path):
        plan.main()
        prepare.main("digits")
        train.main("digits", "advprop", [*section["models"]])
        analyse.main("digits", "advprop")
        plot.main("digits", "advprop")
    return path


@pytest.fixture
def inside(workspace):
    with entered(workspace):
        yield workspace


def test_the_report_holds_tables_figures_and_five_claims(inside):
    files = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("accuracy", "mce", "corruptions", "attackers", "claims", "models", "published-efficientnet",
              "published-robustness", "published-resnet", "published-fine-tuning")  # fmt: skip
    figures = ("sizes", "separation", "corruptions", "attackers", "training")
    assert files >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert files >= {f"{figure}.{kind}" for figure in figures for kind in ("png", "svg")}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == 5


def test_numbers_in_the_tables_are_those_of_the_networks(inside):
    errors = pd.read_csv(paths.analysis("digits", "advprop", "analyse") / "errors.csv")
    table = pd.read_csv(REPORT / "tables" / "accuracy.csv").set_index(["model", "variant"])
    for model in ("vanilla", "advprop"):
        clean = errors[(errors["model"] == f"{model}/wide") & (errors["corruption"] == "clean")]
        assert table.loc[(model, "wide"), "mean"] == pytest.approx(1 - clean["error"].mean(), abs=1e-6)
        curve = pd.read_csv(paths.curve("digits", "advprop", f"{model}/wide"), sep="\t").groupby("replicate").last()
        assert curve["test_accuracy"].mean() == pytest.approx(table.loc[(model, "wide"), "mean"], abs=1e-5)
    assert set(errors["severity"]) == {0, 1, 2, 3, 4, 5}
    assert errors.groupby(["corruption", "severity"]).size().nunique() == 1
    mce = pd.read_csv(REPORT / "tables" / "mce.csv").set_index(["model", "variant"])
    assert mce.loc[("vanilla", "narrow"), "mean"] == pytest.approx(100, abs=1e-3)


def test_the_share_of_the_training_images_that_is_taken_is_said(inside):
    taken = set(pd.read_csv(REPORT / "tables/models.csv")["images"])
    steps = pd.read_csv(paths.curve("digits", "advprop", "vanilla/wide"), sep="\t")["step"].iloc[
        0
    ]  # of the first epoch
    assert {count // 16 for count in taken} == {steps}
    (count,) = taken
    available = len(load_split(paths.prepared("digits"), "train"))
    assert count == round(0.7 * available) < available
    assert f"trained on {count} of {available} images" in (REPORT / "tables/accuracy.md").read_text()


def test_what_is_saved_is_a_plain_network(inside):
    for name in ("advprop/wide", "fine-grained/narrow", "attackers/steps-2"):
        network = load(paths.replicate(paths.model("digits", "advprop", name), 1))
        assert not any(isinstance(module, Branches) for module in network.modules())
        assert network(torch.rand(3, 1, 8, 8)).shape == (3, 10)


def test_replotting_gives_the_same_bytes(inside):
    before = contents(REPORT)
    plot.main("digits", "advprop")
    assert contents(REPORT) == before


def test_retraining_gives_the_same_bits(inside):
    path = paths.replicate(paths.model("digits", "advprop", "fine-grained/wide"), 0)
    before, header = load_file(path), read_header(path).model_dump(exclude={"provenance"})
    train.main("digits", "advprop", ["fine-grained"])
    after = load_file(path)
    assert all(torch.equal(after.pop(name), weights) for name, weights in before.items())
    assert not after
    assert read_header(path).model_dump(exclude={"provenance"}) == header


def test_published_benchmarks_have_a_section_where_they_are_there(inside):
    path = paths.analysis("digits", "advprop", "analyse") / "benchmarks.csv"
    assert not (REPORT / "tables" / "cifar10-c-mce.md").exists()
    rows = [
        (benchmark, f"{method}/{size}", replicate, corruption, 1, 4, 0.25 if method == "advprop" else 0.5)
        for benchmark, corruptions in {"cifar10-c": ("fog", "snow"), "imagenet-a": ("natural",)}.items()
        for corruption in corruptions
        for method in METHODS
        for size in SIZES
        for replicate in (0, 1)
    ]
    table = pd.DataFrame(rows, columns=pd.read_csv(path).columns).to_csv(index=False)
    with replaced(path, table.encode()):
        plot.main("digits", "advprop")
    mce = pd.read_csv(REPORT / "tables" / "cifar10-c-mce.csv").set_index(["model", "variant"])["mean"]
    assert mce["advprop"].tolist() == [50, 50]
    assert mce["vanilla"].tolist() == [100, 100]
    accuracy = pd.read_csv(REPORT / "tables" / "imagenet-a-accuracy.csv").set_index(["model", "variant"])["mean"]
    assert accuracy["advprop"].tolist() == [0.75, 0.75]
    assert not (REPORT / "tables" / "imagenet-a-mce.csv").exists()  # it has no corruptions
    assert "Published benchmarks" in (REPORT / "study.json").read_text()
    plot.main("digits", "advprop")
    assert "Published benchmarks" not in (REPORT / "study.json").read_text()


def test_without_attackers_the_analysis_says_how_they_are_made(inside):
    folder = paths.model("digits", "advprop", "attackers")
    folder.rename("elsewhere")
    try:
        with pytest.raises(
            UserError, match=r"models/digits/advprop/attackers holds no networks; `dvc repro .*@digits`"
        ):
            analyse.main("digits", "advprop")
    finally:
        (folder.parents[3] / "elsewhere").rename(folder)


def test_every_method_is_among_the_models():
    assert set(METHODS) < set(params("advprop")["models"])
