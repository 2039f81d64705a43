"""Evaluation of a model under the conditions of a study, on real digits."""

from collections import Counter

import pytest
import torch

from friendfoe import console
from friendfoe.attacks.config import AttackConfig
from friendfoe.data.prepare import prepare
from friendfoe.data.sources.digits import DigitsConfig
from friendfoe.data.store import load_split
from friendfoe.evaluation.evaluate import evaluate_model
from friendfoe.evaluation.job import EvaluationJob
from friendfoe.models.classifier import build
from friendfoe.models.networks.cnn import CNNConfig
from friendfoe.models.weights import Header, load, read_header, save
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.kinds import kinds
from friendfoe.training.job import Job

JOB = EvaluationJob.model_validate(
    {
        "data": "digits",
        "study": "assistive",
        "models": ["clean"],
        "replicates": 1,
        "seed": 0,
        "eps": 0.05,
        "source": "assistive/assist",
        "attacks": {
            "fgsm": {"attack": "fgsm"},
            "pgd-20": {"attack": "pgd", "steps": 20},
            "fgsm-unclipped": {"attack": "fgsm", "clip": False},
        },
        "conditions": {
            "clean": {"images": "test"},
            "own": {"images": "own"},
            "weak": {"attack": "fgsm"},
            "strong": {"attack": "pgd-20"},
            "worst": {"worst": ["fgsm", "pgd-20"]},
            "other": {"attack": "fgsm", "on": "source"},
            "unclipped": {"attack": "fgsm-unclipped"},
        },
    }
)
TRAINED = {
    "data": "digits",
    "study": "assistive",
    "replicates": 1,
    "seed": 0,
    "images": ["train"],
    "share": 0.5,
    "network": {"kind": "cnn", "width": 4},
    "training": {"epochs": 1, "batch": 16, "optimizer": "sgd", "learning_rate": 0.1},
    "method": {"method": "standard"},
}


def store(name, seed=0, **training):
    """An untrained network as a model that was trained on half of the images."""
    split, network = load_split(paths.prepared("digits"), "train"), CNNConfig(kind="cnn", width=4)
    job = Job.model_validate({**TRAINED, "name": name, "training": {**TRAINED["training"], **training}})
    header = Header(
        data=split.sha256,
        shape=split.shape,
        classes=split.classes,
        network=network,
        seed=seed,
        job=job.model_dump(mode="json", exclude_none=True),
    )
    weights = build(network, split.shape, 10, split.mean, split.std, seed=seed)
    save(weights, paths.replicate(paths.model("digits", "assistive", name), 0), header)


@pytest.fixture(autouse=True)
def _project(tmp_path, monkeypatch):
    """Sixty digits and two models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRIENDFOE_WORKERS", "1")
    prepare(DigitsConfig(kind="digits", limit=60), tmp_path, paths.prepared("digits"), "digits")
    store("clean", seed=0)
    store("assist", seed=1)


def test_a_source_of_fewer_replicates_starts_over():
    first, second = (paths.replicate(paths.model("digits", "assistive", "clean"), number) for number in (0, 1))
    save(load(first), second, read_header(first))
    rows, _ = evaluate_model(JOB.model_copy(update={"replicates": 2}), "clean")
    crafted = [row for row in rows if row.condition == "other"]
    counts = [[(row.label, row.pixels, row.correct) for row in crafted if row.replicate == number] for number in (0, 1)]
    assert counts[0] == counts[1] != []


def test_every_kind_of_evaluation():
    rows, _ = evaluate_model(JOB, "clean")
    correct, n = Counter(), Counter()
    for row in rows:
        correct[row.condition, row.pixels] += row.correct
        n[row.condition, row.pixels] += row.n
    stored = {(name, pixels) for name in ("weak", "strong", "other") for pixels in ("float", "uint8")}
    assert set(n) == {("clean", "uint8"), ("own", "uint8"), ("worst", "float"), ("unclipped", "float"), *stored}
    assert n == {**dict.fromkeys(n, 60), ("own", "uint8"): 30}
    assert {row.label for row in rows} == set("0123456789")
    # the worst case keeps the better of two attacks for each image, so that no attack alone does better
    assert correct["worst", "float"] <= min(correct["weak", "float"], correct["strong", "float"])
    assert correct["weak", "float"] <= correct["clean", "uint8"]


def test_what_is_not_a_number_is_no_wrong_answer(monkeypatch):
    """A network that answers with NaN off the clean images: no accuracy of 0, but one line."""
    monkeypatch.setattr(
        "friendfoe.evaluation.evaluate.predict",
        lambda network, images: torch.full((len(images), 10), torch.nan if images.dtype == torch.float32 else 0.1),
    )
    with pytest.raises(UserError, match=r"^clean: its answers are not finite for 60 images of condition weak$"):
        evaluate_model(JOB.model_copy(update={"conditions": {"weak": JOB.conditions["weak"]}}), "clean")


def test_evaluation_repeats_itself():
    assert repr(evaluate_model(JOB, "clean")) == repr(evaluate_model(JOB, "clean"))


def test_a_part_of_the_test_images_can_be_enough():
    rows, outcomes = evaluate_model(JOB.model_copy(update={"images": 20}), "clean")
    n = Counter()
    for row in rows:
        n[row.condition, row.pixels] += row.n
    assert n == {**dict.fromkeys(n, 20), ("own", "uint8"): 30}
    test = load_split(paths.prepared("digits"), "test")
    assert outcomes["accuracy", "clean", "clean"].samples.tolist() == test.rows(20).tolist()


def test_the_outcome_of_each_image_is_what_is_counted():
    rows, outcomes = evaluate_model(JOB, "clean")
    conditions = {row.condition for row in rows}
    assert set(outcomes) == {
        (metric, "clean", name) for name in conditions for metric in ("accuracy", "accuracy-crafted")
    }
    for row in rows:
        one = outcomes["accuracy" if row.pixels == "uint8" else "accuracy-crafted", "clean", row.condition]
        of_class = one.values[row.replicate, one.labels == int(row.label)]
        assert (len(of_class), of_class.sum()) == (row.n, row.correct)
    assert {one.images for (_, _, name), one in outcomes.items() if name == "own"} == {"train"}


@pytest.mark.parametrize(("validation", "n"), [({"share": 0.2}, 24), ({"share": 0.2, "retrain": True}, 30)])
def test_own_images_are_those_that_the_weights_have_seen(validation, n):
    store("clean", validation=validation)
    own = JOB.model_copy(update={"conditions": {"own": JOB.conditions["own"]}})
    assert sum(row.n for row in evaluate_model(own, "clean")[0]) == n


def test_the_list_names_every_attack(capsys):
    console.attacks()
    first_words = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert first_words >= kinds(AttackConfig).keys()
