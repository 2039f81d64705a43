"""The AdvProp study on a few digits with tiny networks, run once through its stages; and its own arithmetic."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

from friendfoe import params, studies
from friendfoe.data.published import BENCHMARKS as READABLE
from friendfoe.data.published import arrays
from friendfoe.data.store import load_split
from friendfoe.models.branches import Branches
from friendfoe.models.registry import load
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.advprop.benchmarks import all_errors, found
from friendfoe.studies.advprop.claims import CLAIMS
from friendfoe.studies.advprop.evidence import KEYS, Evidence, measured, theirs
from friendfoe.studies.advprop.names import BENCHMARKS, METHODS
from friendfoe.studies.claims import Verdict, judge
from friendfoe.studies.published import published
from stages import analyse, plot, prepare, train

REPORT = paths.report("digits", "advprop")
SIZES = ["narrow", "wide"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in which the study's report has been made from two sizes and three attackers."""
    yaml = YAML()
    content = yaml.load(params.FILE)
    digits = content["data"]["digits"]
    digits["source"] = {"kind": "digits", "limit": 120}
    digits["studies"]["advprop"] = {
        "eps": 0.1,
        "crafting": {"steps": 1, "step": 1.0},
        "images": 10,
        "share": 0.7,
        "replicates": 2,
        "network": {"kind": "cnn", "width": 2},
        "training": {"epochs": 2, "batch": 16, "learning_rate": 0.02},
        "sizes": {
            name: {"network": {"kind": "cnn", "width": width}} for name, width in zip(SIZES, (1, 3), strict=True)
        },
    }
    content["models"]["attackers"]["sweep"] = {"strengths": [0, 1], "steps": [2]}
    path = tmp_path_factory.mktemp("advprop")
    yaml.dump(content, path / "params.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setenv("FRIENDFOE_WORKERS", "1")
        prepare.main("digits")
        for model in content["stages"]["advprop"]:
            train.main("digits", model)
        analyse.main("advprop", "digits")
        plot.main("advprop", "digits")
    return path


@pytest.fixture
def inside(made, monkeypatch):
    monkeypatch.chdir(made)
    monkeypatch.setenv("FRIENDFOE_WORKERS", "1")
    return made


def test_the_report_holds_tables_figures_and_five_claims(inside):
    files = {path.name for path in REPORT.rglob("*") if path.is_file()}
    tables = ("accuracy", "mce", "corruptions", "attackers", "claims", "models", "published-efficientnet",
              "published-robustness", "published-resnet", "published-fine-tuning")  # fmt: skip
    figures = ("sizes", "separation", "corruptions", "attackers", "training")
    assert files >= {f"{table}.{kind}" for table in tables for kind in ("csv", "md", "tex")}
    assert files >= {f"{figure}.{kind}" for figure in figures for kind in ("png", "svg")}
    assert len(json.loads((REPORT / "study.json").read_text())["claims"]) == 5


def test_numbers_in_the_tables_are_those_of_the_networks(inside):
    errors = pd.read_csv(paths.analysis("digits", "advprop") / "errors.csv")
    table = pd.read_csv(REPORT / "tables" / "accuracy.csv").set_index(["model", "variant"])
    for model in ("vanilla", "advprop"):
        clean = errors[(errors["model"] == f"{model}/wide") & (errors["corruption"] == "clean")]
        assert table.loc[(model, "wide"), "mean"] == pytest.approx(1 - clean["error"].mean(), abs=1e-6)
        curve = pd.read_csv(paths.curve("digits", f"{model}/wide"), sep="\t").groupby("replicate").last()
        assert curve["test_accuracy"].mean() == pytest.approx(table.loc[(model, "wide"), "mean"], abs=1e-5)
    assert set(errors["severity"]) == {0, 1, 2, 3, 4, 5}
    assert errors.groupby(["corruption", "severity"]).size().nunique() == 1
    mce = pd.read_csv(REPORT / "tables" / "mce.csv").set_index(["model", "variant"])
    assert mce.loc[("vanilla", "narrow"), "mean"] == pytest.approx(100, abs=1e-3)


def test_the_share_of_the_training_images_that_is_taken_is_said(inside):
    taken = set(pd.read_csv(REPORT / "tables/models.csv")["images"])
    steps = pd.read_csv(paths.curve("digits", "vanilla/wide"), sep="\t")["step"].iloc[0]  # of the first epoch
    assert {count // 16 for count in taken} == {steps}
    (count,) = taken
    available = len(load_split(paths.prepared("digits"), "train"))
    assert count == round(0.7 * available) < available
    assert f"trained on {count} of {available} images" in (REPORT / "tables/accuracy.md").read_text()


def test_what_is_saved_is_a_plain_network(inside):
    for name in ("advprop/wide", "fine-grained/narrow", "attackers/steps-2"):
        network = load(paths.replicate(paths.model("digits", name), 1))
        assert not any(isinstance(module, Branches) for module in network.modules())
        assert network(torch.rand(3, 1, 8, 8)).shape == (3, 10)


def test_replotting_gives_the_same_bytes(inside):
    before = {path: path.read_bytes() for path in sorted(REPORT.rglob("*")) if path.is_file()}
    plot.main("advprop", "digits")
    assert {path: path.read_bytes() for path in sorted(REPORT.rglob("*")) if path.is_file()} == before


def test_retraining_gives_the_same_bits(inside):
    path = paths.replicate(paths.model("digits", "fine-grained/wide"), 0)
    before = path.read_bytes()
    train.main("digits", "fine-grained")
    assert path.read_bytes() == before


def test_published_benchmarks_have_a_section_where_they_are_there(inside):
    path = paths.analysis("digits", "advprop") / "benchmarks.csv"
    empty = path.read_bytes()
    assert not (REPORT / "tables" / "cifar10-c-mce.md").exists()
    rows = [
        (benchmark, f"{method}/{size}", replicate, corruption, 1, 4, 0.25 if method == "advprop" else 0.5)
        for benchmark, corruptions in {"cifar10-c": ("fog", "snow"), "imagenet-a": ("natural",)}.items()
        for corruption in corruptions
        for method in METHODS
        for size in SIZES
        for replicate in (0, 1)
    ]
    columns = pd.read_csv(path).columns
    try:
        pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
        plot.main("advprop", "digits")
        mce = pd.read_csv(REPORT / "tables" / "cifar10-c-mce.csv").set_index(["model", "variant"])["mean"]
        assert mce["advprop"].tolist() == [50, 50]
        assert mce["vanilla"].tolist() == [100, 100]
        accuracy = pd.read_csv(REPORT / "tables" / "imagenet-a-accuracy.csv").set_index(["model", "variant"])["mean"]
        assert accuracy["advprop"].tolist() == [0.75, 0.75]
        assert not (REPORT / "tables" / "imagenet-a-mce.csv").exists()  # it has no corruptions
        assert "Published benchmarks" in (REPORT / "study.json").read_text()
    finally:
        path.write_bytes(empty)
        plot.main("advprop", "digits")
    assert "Published benchmarks" not in (REPORT / "study.json").read_text()


def test_every_network_is_asked_about_every_image_of_a_benchmark(tmp_path, monkeypatch):
    """MNIST-C in small: networks that always say 0 and 1 are right where that is the label."""
    labels = np.array([0, 0, 0, 1, 2])
    for corruption in arrays._OF_MNIST:
        folder = tmp_path / "mnist_c" / corruption
        folder.mkdir(parents=True)
        np.save(folder / "test_images.npy", np.zeros((5, 28, 28, 1), np.uint8))
        np.save(folder / "test_labels.npy", labels)
    monkeypatch.setenv("FRIENDFOE_DATA", str(tmp_path))
    monkeypatch.setenv("FRIENDFOE_WORKERS", "1")
    assert found(["mnist-c", "cifar10-c"]) == ["mnist-c"]
    networks = {("vanilla/a", 0): constant(0), ("vanilla/a", 1): constant(1)}
    rows = all_errors(["mnist-c"], networks, [str(k) for k in range(10)], (1, 28, 28))
    assert len(rows) == 15 * 2
    assert set(rows[["model", "replicate", "error", "n"]].itertuples(index=False, name=None)) == {
        ("vanilla/a", 0, 0.4, 5),
        ("vanilla/a", 1, 0.8, 5),
    }
    assert all_errors([], networks, [], (1, 28, 28)).empty


def constant(label):
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10))
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].bias.copy_(torch.arange(10) == label)
    return network


def test_the_names_of_benchmarks_are_those_that_can_be_read():
    assert tuple(BENCHMARKS) == READABLE


def test_mce_of_the_reference_is_100_and_of_half_its_errors_50():
    rows = [
        {"model": model, "replicate": r, "corruption": c, "severity": s, "error": factor * e}
        for model, factor in {"vanilla/a": 1.0, "advprop/a": 0.5}.items()
        for r in (0, 1)
        for c, s, e in (("clean", 0, 0.2), ("fog", 1, 0.3), ("fog", 2, 0.5), ("snow", 1, 0.1), ("snow", 2, 0.9))
    ]
    values = measured(pd.DataFrame(rows), "vanilla/a")
    assert values.loc[("mce", "vanilla", "a")].tolist() == pytest.approx([100, 100])
    assert values.loc[("mce", "advprop", "a")].tolist() == pytest.approx([50, 50])
    assert values.loc[("accuracy", "advprop", "a")].tolist() == pytest.approx([0.9, 0.9])


def evidence(**accuracies):
    """The same accuracies by size in three replicates, with a little noise; mCE is 100 times the error."""
    rows = [
        {"metric": metric, "model": model.replace("_", "-"), "variant": size, "replicate": r, "value": value}
        for model, by_size in accuracies.items()
        for size, accuracy in zip("abcd", by_size, strict=True)
        for r in range(3)
        for metric, value in (("accuracy", accuracy + 1e-6 * r), ("mce", 100 * (1 - accuracy) + 1e-4 * r))
    ]
    return Evidence(pd.DataFrame(rows).set_index(KEYS)["value"].sort_index(), list("abcd"))


def test_what_the_paper_reports_is_reproduced_and_its_opposite_contradicted():
    vanilla = [0.77, 0.80, 0.83, 0.85]
    paper = evidence(
        vanilla=vanilla,
        shared_norm=[v - d for v, d in zip(vanilla, (0.010, 0.007, 0.004, 0.001), strict=True)],
        advprop=[v + 0.005 for v in vanilla],
        fine_grained=[v + 0.005 + d for v, d in zip(vanilla, (0.003, 0.002, 0.001, 0.0005), strict=True)],
    )
    assert {judged.verdict for judged in judge(CLAIMS, paper)} == {Verdict.REPRODUCED}
    opposite = evidence(
        vanilla=vanilla,
        shared_norm=[v + d for v, d in zip(vanilla, (0.010, 0.007, 0.004, 0.001), strict=True)],
        advprop=[v - 0.005 for v in vanilla],
        fine_grained=[v - 0.005 - d for v, d in zip(vanilla, (0.003, 0.002, 0.001, 0.0005), strict=True)],
    )
    assert {judged.verdict for judged in judge(CLAIMS, opposite)} == {Verdict.CONTRADICTED}


def test_published_values_stand_beside_ours():
    judged = judge(CLAIMS, theirs(published("advprop")), theirs(published("advprop")))
    by_claim = [finding.published for claim in judged for finding in claim.findings]
    assert by_claim[0] == pytest.approx((0.762 + 0.787 + 0.797 + 0.813 + 0.829 + 0.838 + 0.845 + 0.851 - 6.539) / 8)
    assert by_claim[3] == pytest.approx(52.9 - 59.4)
    assert by_claim[4] == pytest.approx(0.003)
    assert by_claim[2] < 0


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("studies.advprop.models", ["vanilla"], "the tables of this study need 'shared-norm', too"),
        ("studies.advprop.benchmarks.mnist", ["mnist-d"], "there is no benchmark 'mnist-d'; did you mean 'mnist-c'"),
        ("studies.advprop.corruption", ["fog"], "unknown key 'corruption'"),
        ("models.advprop.distributions", [{"images": "adversarial", "branch": "x"}], "none passes through `main`"),
        ("models.advprop.distribution", [], "models.advprop: unknown key 'distribution'; did you mean 'distributions'"),
        ("data.digits.studies.advprop.sizes.width-2.training", {"epoch": 3}, "sizes.width-2.training: unknown key 'epoch'"),
        ("data.digits.studies.advprop.crafting.steps", 0, "data.digits.studies.advprop.crafting.steps: 0"),
        ("data.digits.studies.advprop.eps", -0.1, "data.digits.studies.advprop.eps: -0.1"),
        ("stages.advprop", ["vanila"], "did you mean 'vanilla'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(place, value, message, tmp_path, monkeypatch):
    yaml = YAML()
    content = yaml.load(params.FILE)
    *words, last = place.split(".")
    section = content
    for word in words:
        section = section[word]
    section[last] = value
    yaml.dump(content, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        studies.check(params.read())
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_every_method_has_a_recipe():
    assert set(METHODS) < set(params.read().models)
