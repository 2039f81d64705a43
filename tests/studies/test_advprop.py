"""The AdvProp study on a few digits with tiny networks, run once through its stages."""

import json

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from friendfoe.data.store import load_split
from friendfoe.evaluation import outcomes
from friendfoe.models.branches import Branches
from friendfoe.models.predict import logits
from friendfoe.models.weights import load, read_header
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.advprop.measurements import OVER
from friendfoe.studies.advprop.names import METHODS
from stages import analyse, check_gradients, plan, plot, prepare, train
from tests.studies.workspaces import contents, entered, lay_out, params, replaced

REPORT = paths.report("digits", "advprop")
SIZES = ["narrow", "wide"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder in which the study's report has been made from two sizes and four attackers."""
    path, section = tmp_path_factory.mktemp("advprop"), params("advprop")
    section["data"] = {
        "digits": {
            "eps": 0.1,
            "inner_attack": {"steps": 1, "rel_step": 1.0},
            "images": 10,
            "train_images": 60,
            "replicates": 2,
            "network": {"kind": "cnn", "width": 3},
            "training": {"epochs": 2, "batch": 16, "learning_rate": 0.02},
            "sizes": {
                name: {"network": {"kind": "cnn", "width": width}} for name, width in zip(SIZES, (1, 3), strict=True)
            },
        }
    }
    section["models"]["attackers"]["sweep"] = {"strengths": [2], "steps": [2]}
    digits = {**params()["data"]["digits"], "source": {"kind": "digits", "limit": 120}}
    lay_out(path, {"digits": digits}, advprop=section)
    with entered(path):
        plan.main()
        prepare.main("digits")
        train.main("digits", "advprop", [*section["models"]])
        for model in section["checked"]:
            check_gradients.main("digits", "advprop", model)
        analyse.main("digits", "advprop")
        plot.main("digits", "advprop")
    return path


@pytest.fixture
def inside(workspace):
    with entered(workspace):
        yield workspace


def numbers(table, metric=""):
    """Those of a table by model and condition."""
    rows = pd.read_csv(REPORT / "tables" / f"{table}.csv")
    return rows[rows["metric"] == (metric or table)].set_index(["model", "condition"])


def test_the_report_holds_tables_figures_and_ten_claims(inside):
    files = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("regime", "accuracy", "mce", "corruptions", "attackers", "claims", "models", "published-efficientnet",
              "published-same-attacker", "published-robustness", "published-resnet", "published-fine-tuning")  # fmt: skip
    figures = ("sizes", "separation", "corruptions", "attackers", "training")
    assert files >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert files >= {f"{figure}.svg" for figure in figures}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == 10
    for table in ("accuracy", "mce", "corruptions", "regime"):
        assert "AdvProp with eps 0" in (REPORT / f"tables/{table}.md").read_text()


def test_numbers_in_the_tables_are_those_of_the_networks(inside):
    found = outcomes.read(paths.analysis("digits", "advprop", "analyse") / "outcomes.npz")
    test = load_split(paths.prepared("digits"), "test")
    table = numbers("accuracy")
    for model in ("vanilla", "advprop"):
        clean = found["accuracy", f"{model}/wide", "clean"]
        network = load(paths.replicate(paths.model("digits", "advprop", f"{model}/wide"), 1))
        right = logits(network, test.images).argmax(1) == test.labels
        assert clean.values[1].tolist() == right.float().tolist()
        assert clean.samples.tolist() == list(range(len(test)))
        assert table.loc[(model, "wide"), "mean"] == pytest.approx(clean.values.mean(), abs=1e-6)
        curve = pd.read_csv(paths.curve("digits", "advprop", f"{model}/wide"), sep="\t").groupby("replicate").last()
        assert curve["test_accuracy"].mean() == pytest.approx(table.loc[(model, "wide"), "mean"], abs=1e-5)
    mce = numbers("mce")
    assert mce.loc[("vanilla", "narrow"), "mean"] == pytest.approx(100, abs=1e-3)
    gains = numbers("mce", "mce over vanilla").xs(OVER, level="condition")["mean"]
    assert set(gains.index) == set(METHODS) - {"vanilla"}
    both = mce["mean"].xs(OVER, level="condition")
    assert gains["advprop"] == pytest.approx(both["advprop"] - both["vanilla"], abs=1e-3)
    assert mce.loc["vanilla", "mean"].iloc[:2].mean() == pytest.approx(mce.loc[("vanilla", OVER), "mean"], abs=1e-3)


def test_every_corruption_is_of_the_same_images_for_every_network(inside):
    found = outcomes.read(paths.analysis("digits", "advprop", "analyse") / "outcomes.npz")
    conditions = {}
    for (_, model, condition), one in found.items():
        conditions.setdefault(model, set()).add(condition)
        assert one.values.shape[0] == 2
        assert len(one.samples) == (10 if condition != "clean" else len(found["accuracy", model, "clean"].samples))
    assert len(conditions) == len(METHODS) * 2 + 2
    assert len({frozenset(names) for names in conditions.values()}) == 1
    corrupted = conditions["vanilla/wide"] - {"clean"}
    assert {condition[-2:] for condition in corrupted} == {f"-{severity}" for severity in range(1, 6)}
    (rows,) = {tuple(found["accuracy", "vanilla/wide", condition].samples) for condition in corrupted}
    every = found["accuracy", "vanilla/wide", "clean"]
    labels = dict(zip(every.samples.tolist(), every.labels.tolist(), strict=True))
    assert [labels[row] for row in rows] == found["accuracy", "vanilla/wide", "fog-1"].labels.tolist()


def test_methods_of_a_replicate_begin_with_the_same_weights_and_images(inside):
    headers = {
        name: read_header(paths.replicate(paths.model("digits", "advprop", name), 1))
        for name in ("vanilla/wide", "control/wide", "advprop/wide", "attackers/strength-2")
    }
    assert len({header.seed for header in headers.values()}) == 1
    assert len({header.network.model_dump_json() for header in headers.values()}) == 1
    steps = {(header.job["train_images"], header.job["training"]["batch"]) for header in headers.values()}
    assert steps == {(60, 16)}


def test_attackers_stand_beside_vanilla_the_control_and_advprop(inside):
    table = pd.read_csv(REPORT / "tables" / "attackers.csv")
    rows = table[table["metric"] == "accuracy"].set_index("model")
    assert rows.loc["control", "eps"] == 0
    assert rows.loc["advprop", "eps"] == 0.1
    assert pd.isna(rows.loc["vanilla", "eps"])
    assert sorted(rows.loc["attackers", "eps"]) == [0.1, 0.2]
    assert set(rows.loc[["vanilla", "control", "advprop"], "condition"]) == {"wide"}
    lines = (REPORT / "tables" / "attackers.md").read_text().splitlines()
    headings = [line.split("|")[1].strip() for line in lines if line.startswith("| ")]
    assert headings == ["attacker's eps", "none: vanilla", "0: the control", "0.1: AdvProp", "0.1", "0.2"]


def test_how_many_images_there_are_and_how_often_they_are_seen_is_said(inside):
    taken = set(pd.read_csv(REPORT / "tables/models.csv")["images"])
    steps = pd.read_csv(paths.curve("digits", "advprop", "vanilla/wide"), sep="\t")["step"].iloc[
        0
    ]  # of the first epoch
    assert {count // 16 for count in taken} == {steps}
    (count,) = taken
    available = len(load_split(paths.prepared("digits"), "train"))
    assert count == 60 < available
    assert f"trained on {count} of {available} images" in (REPORT / "tables/accuracy.md").read_text()
    assert f"Regime: few images. Each replicate draws {count} of {available} training images" in (
        REPORT / "study.json"
    ).read_text(encoding="utf-8")
    regime = pd.read_csv(REPORT / "tables/regime.csv").set_index(["on", "method", "size"])["mean"]
    curve = pd.read_csv(paths.curve("digits", "advprop", "control/narrow"), sep="\t").groupby("replicate").last()
    assert regime["training images", "control", "narrow"] == pytest.approx(curve["accuracy"].mean(), abs=1e-5)
    assert regime["test images", "control", "narrow"] == pytest.approx(curve["test_accuracy"].mean(), abs=1e-5)


def test_what_is_saved_is_a_plain_network(inside):
    for name in ("advprop/wide", "control/wide", "fine-grained/narrow", "attackers/steps-2"):
        network = load(paths.replicate(paths.model("digits", "advprop", name), 1))
        assert not any(isinstance(module, Branches) for module in network.modules())
        assert network(torch.rand(3, 1, 8, 8)).shape == (3, 10)


@pytest.mark.slow
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
    mce = numbers("cifar10-c-mce", "mce")["mean"]
    assert mce["advprop"].tolist() == [50, 50, 50]  # at both sizes, and over them
    assert mce["vanilla"].tolist() == [100, 100, 100]
    accuracy = numbers("imagenet-a-accuracy", "accuracy")["mean"]
    assert accuracy["advprop"].tolist() == [0.75, 0.75, 0.75]
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


def test_attackers_are_at_one_of_the_sizes(inside):
    section = params("advprop")
    section["data"] = {"digits": {**section["data"]["digits"], "network": {"kind": "cnn", "width": 3}}}
    lay_out(inside / "elsewhere", {"digits": params()["data"]["digits"]}, advprop=section)
    with (
        entered(inside / "elsewhere"),
        pytest.raises(UserError, match=r"models\.attackers: its network and budget are those of none of the `sizes`"),
    ):
        plan.main()
