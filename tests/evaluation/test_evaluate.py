"""Evaluation of a model under the conditions of a study, on real digits."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML

from friendfoe import params
from friendfoe.attacks.recipes import known
from friendfoe.data.prepare import prepare
from friendfoe.data.recipes import Digits
from friendfoe.data.store import load_split
from friendfoe.evaluation.evaluate import evaluate_model, keys
from friendfoe.models.recipes import CNN
from friendfoe.models.registry import Header, build, save
from friendfoe.runtime import paths
from stages.evaluate import show_conditions

REAL = Path(__file__).parents[2] / "params.yaml"
EVALUATE = {
    "clean": {"images": "test"},
    "own": {"images": "own"},
    "weak": {"condition": "fgsm"},
    "strong": {"condition": "pgd-20"},
    "worst": {"worst": ["fgsm", "pgd-20"]},
    "other": {"condition": "fgsm", "on": "assist"},
    "unclipped": {"condition": "fgsm-unclipped"},
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Sixty digits, an untrained network as two models, and params that evaluate it in every way."""
    monkeypatch.chdir(tmp_path)
    yaml = YAML()
    content = yaml.load(REAL)
    content["data"]["digits"] |= {"replicates": 1, "eps": 0.05}
    content["models"]["clean"]["share"] = 0.5
    content["studies"]["assistive"]["evaluate"] = EVALUATE
    yaml.dump(content, tmp_path / "params.yaml")
    prepare(Digits(kind="digits", limit=60), tmp_path, paths.prepared("digits"), "digits")
    split = load_split(paths.prepared("digits"), "train")
    for seed, model in enumerate(("clean", "assist")):
        torch.manual_seed(seed)
        recipe = CNN(kind="cnn", width=4)
        network = build(recipe, split.shape, 10, split.mean, split.std)
        header = Header(
            friendfoe="0", data=split.sha256, shape=split.shape, classes=split.classes, network=recipe, recipe={},
            training={}, seed=seed,
        )  # fmt: skip
        save(network, paths.replicate(paths.model("digits", model), 0), header)
    return params.load(*keys(params.read(), "digits", "assistive", "clean"))


def test_a_source_of_fewer_replicates_starts_over(project):
    first, second = (paths.replicate(paths.model("digits", "clean"), number) for number in (0, 1))
    shutil.copy(first, second)
    two = project.data["digits"].model_copy(update={"replicates": 2})
    rows = evaluate_model(project.model_copy(update={"data": {"digits": two}}), "digits", "assistive", "clean")
    crafted = [row for row in rows if row.condition == "other"]
    both = [[(row.label, row.pixels, row.correct) for row in crafted if row.replicate == number] for number in (0, 1)]
    assert both[0] == both[1] != []


def test_every_kind_of_evaluation(project):
    rows = evaluate_model(project, "digits", "assistive", "clean")
    correct, n = Counter(), Counter()
    for row in rows:
        correct[row.condition, row.pixels] += row.correct
        n[row.condition, row.pixels] += row.n
    both = {(name, pixels) for name in ("weak", "strong", "other") for pixels in ("float", "uint8")}
    assert set(n) == {("clean", "uint8"), ("own", "uint8"), ("worst", "float"), ("unclipped", "float"), *both}
    assert n == {**dict.fromkeys(n, 60), ("own", "uint8"): 30}
    assert {row.label for row in rows} == set("0123456789")
    # the worst case keeps the better of two attacks for each image, so that no attack alone does better
    assert correct["worst", "float"] <= min(correct["weak", "float"], correct["strong", "float"])
    assert correct["weak", "float"] <= correct["clean", "uint8"]


def test_evaluation_repeats_itself(project):
    assert repr(evaluate_model(project, "digits", "assistive", "clean")) == repr(
        evaluate_model(project, "digits", "assistive", "clean")
    )


def test_the_list_names_every_condition_and_attack(monkeypatch, capsys):
    monkeypatch.chdir(REAL.parent)
    conditions = params.read().conditions
    assert {recipe.attack for recipe in conditions.values()} == known().keys()  # each can be had by name
    show_conditions()
    first_words = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert first_words >= conditions.keys() | known().keys()
