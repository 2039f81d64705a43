"""`friendfoe evaluate`: networks, weights, images and evaluations as words name them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from friendfoe.diagnosis import data
from friendfoe.diagnosis.command import _threat, class_names, diagnose
from friendfoe.diagnosis.compare import compare
from friendfoe.diagnosis.model import network, settings
from friendfoe.evaluation.intervals import mcnemar, paired_difference
from friendfoe.evaluation.robust import robustness
from friendfoe.models.classifier import build
from friendfoe.models.normalisation import normalisation
from friendfoe.models.weights import Header, save
from friendfoe.runtime.errors import UserError

ROOT = Path(__file__).parents[2]
NETS = """from torch import nn


def make(channels=3, classes=3):
    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, classes))
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A user's folder: colour images of odd sizes in three classes, an npz of two, a network of one's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRIENDFOE_DEVICE", "cpu")
    rng = np.random.default_rng(0)
    for place, name in enumerate(("ant", "bee", "cat")):
        folder = tmp_path / "zoo" / name
        folder.mkdir(parents=True)
        for number in range(8):
            pixels = rng.integers(0, 90, (20 + number, 31 - place, 3), dtype=np.uint8)
            pixels[..., place] += 150
            Image.fromarray(pixels).save(folder / f"{number}.png")
    two = rng.integers(0, 256, (30, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "two.npz", images=two, labels=np.arange(30) % 2)
    (tmp_path / "nets.py").write_text(NETS)
    torch.manual_seed(0)
    linear = nn.Linear(12, 3)
    linear.weight.data = torch.eye(3).repeat_interleave(4, 1)
    torch.save({f"2.{key}": value for key, value in linear.state_dict().items()}, tmp_path / "own.pt")
    return tmp_path


def test_a_folder_of_odd_sizes(place):
    known = data.read("zoo", place, size=16)
    assert known.images.shape == (24, 3, 16, 16)
    assert known.classes == ["ant", "bee", "cat"]
    assert known.labels.bincount().tolist() == [8, 8, 8]
    with pytest.raises(UserError, match=r"`--size` of a command"):
        data.read("zoo", place)
    some = data.read("zoo", place, size=16, count=6)
    assert some.labels.bincount().tolist() == [2, 2, 2]
    assert torch.equal(some.images, known.images[some.samples])


def test_the_test_images_of_a_folder_with_two_splits(place):
    (place / "split").mkdir()
    (place / "zoo").rename(place / "split/test")
    assert data.read("split", place, size=16).classes == ["ant", "bee", "cat"]
    shutil.copytree("split/test", "split/train")
    shutil.rmtree("split/test/bee")
    known = data.read("split", place, size=16)
    assert known.classes == ["ant", "bee", "cat"]  # numbered as in training
    assert known.labels.bincount().tolist() == [8, 0, 8]


def test_classes_in_the_order_of_the_model(place):
    known = data.read("zoo", place, size=16, classes=["cat", "dog", "bee", "ant"])
    assert known.classes == ["cat", "dog", "bee", "ant"]
    assert known.labels.bincount(minlength=4).tolist() == [8, 0, 8, 8]
    assert known.labels[0] == 3
    with pytest.raises(UserError, match="images of class 'ant', which --classes lacks"):
        data.read("zoo", place, size=16, classes=["bee", "cat"])


def test_names_of_classes_from_a_file(place):
    (place / "names.txt").write_text("cat\nbee, or wasp\n\nant\n")
    assert class_names("names.txt") == ["cat", "bee, or wasp", "ant"]
    assert class_names("cat, bee") == ["cat", "bee"]
    assert class_names("") == []
    with pytest.raises(UserError, match=r"--classes gone\.txt: there is no such file"):
        class_names("gone.txt")
    (place / "names.txt").write_text("cat\ncat\n")
    with pytest.raises(UserError, match="names 'cat' twice"):
        class_names("names.txt")


def test_an_npz(place):
    known = data.read("two.npz", place)
    assert known.images.shape == (30, 1, 8, 8)
    assert known.classes == ["0", "1"]
    assert data.read("two.npz", place, classes=["cat", "dog", "owl"]).classes == ["cat", "dog", "owl"]
    with np.load("two.npz") as arrays:
        both = {f"{split}_{key}": arrays[key] for split in ("train", "test") for key in ("images", "labels")}
    both["test_images"] = both["test_images"][::-1]
    np.savez("both.npz", **both)
    assert torch.equal(data.read("both.npz", place).images, known.images.flip(0))


def test_a_data_set_by_name(place):
    known = data.read("digits", place, count=50)
    assert known.images.shape == (50, 1, 8, 8)
    assert len(known.classes) == 10


@pytest.mark.parametrize(
    ("word", "options", "message"),
    [
        ("zoos", {}, "there is no folder, npz file or data set 'zoos'"),
        ("mnst", {}, "did you mean 'mnist'"),
        ("nets.py", {}, "nets.py is neither a folder nor an npz file"),
        ("two.npz", {"size": 9}, "--size is of image folders"),
        ("two.npz", {"classes": ["a"]}, "two.npz has 2 classes, and --classes names 1; name all"),
    ],
)
def test_images_that_are_not_there(place, word, options, message):
    with pytest.raises(UserError, match=message):
        data.read(word, place, **options)


@pytest.mark.parametrize(
    ("word", "section"),
    [
        ("torchvision:resnet18", {"kind": "torchvision", "name": "resnet18"}),
        ("timm:vit_tiny_patch16_224", {"kind": "timm", "name": "vit_tiny_patch16_224"}),
        ("nets.py:make", {"kind": "import", "object": "nets.py:make"}),
        ("package.nets:make", {"kind": "import", "object": "package.nets:make"}),
        ("folder/model.pt2", {"kind": "exported", "file": "folder/model.pt2"}),
        ('{"kind": "resnet", "depth": 18}', {"kind": "resnet", "depth": 18}),
    ],
)
def test_networks_by_words(word, section):
    found = settings(word)
    assert {key: getattr(found, key) for key in section} == section


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("resnet18", "--network resnet18: is no network; write torchvision:NAME"),
        ("torchvison:resnet18", "did you mean 'torchvision'"),
        ("torchvision:resnet19", "is no torchvision classifier; did you mean"),
        ("{kind: cnn}", "--network: is no JSON"),
        ("[]", "is no network"),
    ],
)
def test_words_that_are_no_network(word, message):
    with pytest.raises(UserError, match=message) as raised:
        settings(word)
    assert "\n" not in str(raised.value)


def test_normalisation():
    assert normalisation("none") is None
    assert normalisation("0.5/0.25") == ([0.5], [0.25])
    assert normalisation("imagenet")[1] == [0.229, 0.224, 0.225]
    for wrong in ("imagnet", "1,2/3", "0.5", "0.5/0"):
        with pytest.raises(ValueError, match="must be none, imagenet"):
            normalisation(wrong)
    with pytest.raises(UserError, match="--normalise imagnet: must be none, imagenet"):
        network("torchvision:resnet18", None, (1, 8, 8), ["a", "b"], normalise="imagnet")


def test_weights_and_normalisation_are_those_given(place):
    made = network("nets.py:make", Path("own.pt"), (3, 16, 16), ["a", "b", "c"], normalise="0.5,0.5,0.5/2,2,2")
    assert torch.equal(made[1][2].weight, torch.eye(3).repeat_interleave(4, 1))
    assert made[0](torch.full((1, 3, 1, 1), 0.7)).flatten().tolist() == pytest.approx([0.1] * 3)
    assert not made.training


@pytest.mark.parametrize(
    ("word", "weights", "options", "message"),
    [
        ("", None, {}, "--network is missing"),
        ("torchvision:resnet18", None, {}, "--weights is missing: those of a fresh resnet18 are random"),
        ("nets.py:make", "own.pth", {}, "own.pth is missing"),
        ("nets.py:make", "own.pt", {"arguments": '{"classes": 5}'}, "It tells 3 classes apart, and the data set has 5"),
        ("nets.py:make", "own.pt", {"arguments": "[5]"}, "--arguments: must be a JSON object"),
        ("", "own.pt", {}, "own.pt is no weights file of friendfoe but a zip archive"),
    ],
)
def test_weights_that_do_not_fit(place, word, weights, options, message):
    with pytest.raises(UserError, match=message):
        network(word, weights and Path(weights), (3, 16, 16), ["a", "b", "c"], **options)


def test_sizes_of_perturbations():
    assert _threat("linf", "8/255").eps == 8 / 255
    assert _threat("l2", "0.5").norm == "l2"
    for norm, eps in (("linf", "8/0"), ("linf", "eight"), ("linf", "2"), ("l3", "0.1"), ("linf", "-0.1")):
        with pytest.raises(UserError, match=f"--eps {eps} --norm {norm}: "):
            _threat(norm, eps)


def test_precision_is_that_of_the_gradients(monkeypatch, place):
    seen = []
    monkeypatch.setattr("friendfoe.diagnosis.run.robustness", lambda *a, **k: seen.append(a[3]) or robustness(*a, **k))
    examined("low", precision="bfloat16", attacks="pgd-3,square-5")
    assert [getattr(config, "precision", None) for attacks in seen for config in attacks.values()] == ["bfloat16", None]
    with pytest.raises(UserError, match="--precision float16: must be float32 or bfloat16"):
        examined("low", precision="float16")
    with pytest.raises(UserError, match="FRIENDFOE_DEVICE=tpu: no such device here"):
        examined("low", device="tpu")


def test_numbers_that_overflow_are_one_line(place):
    overflows = NETS.replace("nn.Linear(4 * channels, classes))", "nn.Linear(4 * channels, classes), Late())")
    late = (
        "CALLS = []\n\n\nclass Late(nn.Module):\n    def forward(self, z):\n"
        "        CALLS.append(1)\n        return z / (len(CALLS) < 6)\n\n\ndef make"
    )
    (place / "nets.py").write_text(overflows.replace("def make", late))
    torch.save({f"2.{key}": value for key, value in nn.Linear(12, 3).state_dict().items()}, "own.pt")
    with pytest.raises(UserError, match=r"model: its logits are not finite for .* look for overflows in the network"):
        examined("late", attacks="noise", corruptions="contrast")


def test_a_model_that_friendfoe_has_trained(place):
    known = data.read("zoo", place, size=16)
    config = settings('{"kind": "mlp", "hidden": [4]}')
    header = Header(data="", shape=(3, 16, 16), classes=known.classes, network=config, seed=0)
    path = place / "models/mine/replicate-0.safetensors"
    save(build(config, (3, 16, 16), 3), path, header)
    options = {"eps": "0.1", "norm": "linf", "images": None, "size": 16, "checks": False}
    found, _ = diagnose("", path, "zoo", attacks="fgsm", out=Path("trained"), **options)
    assert found.name == "mine"
    with pytest.raises(UserError, match="tells 3 classes apart, and the data set has 2"):
        diagnose("", path, "two.npz", attacks="fgsm", out=Path("other"), **{**options, "size": None})


def examined(out, **options):
    options = {"attacks": "fgsm,pgd-3", "eps": "0.1", "norm": "linf", "images": None, "size": 16, **options}
    return diagnose("nets.py:make", Path("own.pt"), "zoo", out=Path(out), checks=False, **options)


def test_models_side_by_side(place):
    one, _ = examined("one", corruptions="brightness", normalise="0.2,0.2,0.2/1,1,1")
    torch.save({"2.weight": torch.rand(3, 12), "2.bias": torch.zeros(3)}, place / "own.pt")
    two, _ = examined("two", corruptions="brightness", attacks="fgsm,pgd-3,noise")
    together = compare([Path("one/evaluation.json"), Path("two")])
    assert together.models == ["own (one)", "own (two)"]
    row = together.rows.set_index(["condition", "model"]).loc[("pgd-3", "own (two)")]
    won = int((two.right("pgd-3") & ~one.right("pgd-3")).sum())
    lost = int((one.right("pgd-3") & ~two.right("pgd-3")).sum())
    assert (row["won"], row["lost"]) == (won, lost)
    assert row["difference"] == pytest.approx((won - lost) / 24)
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert row["p"] == mcnemar(won, lost)
    worst = together.rows.set_index(["condition", "model"]).loc[("worst case", "own (two)"), "accuracy"]
    assert worst == (two.right("fgsm") & two.right("pgd-3")).mean()  # of the attacks that both were given
    assert together.strongest == "worst case"
    bee = together.by_class.set_index(["class", "condition", "model"]).loc[("bee", "worst case", "own (two)")]
    assert bee["accuracy"] == (two.right("fgsm") & two.right("pgd-3"))[two.ledger.labels == 1].mean()
    page = together.save(Path("both"))
    assert page == Path("both/index.html")
    assert pd.read_csv("both/comparison.csv").shape[0] == len(together.rows)
    assert pd.read_csv("both/classes.csv").shape == (3 * 4 * 2 + 3 * 5 * 2, 14)  # with five severities of a corruption
    metrics = json.loads(Path("both/metrics.json").read_text())["comparison"]
    assert metrics["own (two), worst case"] == pytest.approx(worst, abs=5e-5)
    assert len(metrics) == 2 * 4  # clean, fgsm, pgd-3, the worst case; corruptions are in the tables
    blocks = json.loads(Path("both/study.json").read_text())["blocks"]
    shown = [block["name"] for block in blocks if "name" in block]
    assert shown == ["comparison", "differences", "classes", "classes", "corruptions"]
    assert any(block.get("text", "").startswith("Warning: own (two): ") for block in blocks)
    with pytest.raises(UserError, match="two models or more"):
        compare([Path("one")])
    with pytest.raises(UserError, match=r"three/evaluation\.json is missing"):
        compare([Path("one"), Path("three")])
    examined("other", eps="0.2")
    with pytest.raises(UserError, match="other and one differ in eps; evaluate both on the same"):
        compare([Path("one"), Path("other")])


def test_paired_differences():
    assert mcnemar(0, 0) == 1
    assert mcnemar(10, 0) == pytest.approx(2 * 0.5**10)
    assert mcnemar(3, 8) == mcnemar(8, 3) == pytest.approx(0.2265625)  # 2 * sum of C(11, 0..3) / 2^11
    difference, (low, high) = paired_difference(20, 5, 100)
    # Agresti & Min: (15 / 102) ± 1.96 sqrt(26 - 225 / 102) / 102
    assert difference == 0.15
    assert (low, high) == pytest.approx((0.0533, 0.2408), abs=2e-4)


def test_the_interval_of_paired_differences_covers():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(2000):
        counts = rng.multinomial(60, [0.12, 0.05, 0.83])
        low, high = paired_difference(int(counts[0]), int(counts[1]), 60)[1]
        hits += low <= 0.07 <= high
    assert 0.93 < hits / 2000 < 0.98


def run(folder, *words):
    code = "from friendfoe.console import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, "evaluate", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command(place):
    words = ["--network", "nets.py:make", "--weights", "own.pt", "--data", "zoo", "--size", "16"]
    words += ["--attacks", "fgsm,pgd-3", "--eps", "8/255", "--out", "found", "--no-checks"]
    done = run(place, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("**own**: 24 images of 3 classes, linf 8/255, seed 0\n")
    assert done.stdout.endswith("page: found/index.html\n")
    assert json.loads((place / "found/evaluation.json").read_text())["classes"] == ["ant", "bee", "cat"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--data is missing"),
        (["a.json"], "a.json: what is compared follows --compare"),
        pytest.param(
            ["--compare", "a.json", "b.json"],
            "a.json is missing; `friendfoe evaluate` writes it",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_words_that_are_missing(tmp_path, words, message):
    done = run(tmp_path, *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
