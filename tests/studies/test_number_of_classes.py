"""All studies on data sets of few and many classes, and with a class of which no image is attacked."""

import json

import numpy as np
import pytest

from friendfoe.runtime import paths
from stages import analyse, check_gradients, evaluate, perturb, plan, plot, prepare, train
from tests.studies.workspaces import entered, lay_out, params

CLASSWISE = {
    "inner_attack": {"steps": 1, "rel_step": 1.0},
    "training": {"validation": {"share": 0.25}},
    "attacks": {
        **{kind: {"steps": 1} for kind in ("pgd", "margin_pgd", "temperature_pgd")},
        "autoattack": {"steps": 2, "n_queries": 3},
        "square": {"n_queries": 3},
    },
}
TINY = {"kind": "maxout", "units": [6], "pieces": 2}
OWN = {
    "assistive": {
        "settings": {"patch": {"steps": 1, "areas": [0.2], "grid": 2, "images": 5, "universal": {"steps": 1}}}
    },
    "classwise": CLASSWISE,
    "fgsm": {
        "eps": 0.8,  # so large that AutoAttack is done soon
        "training": {"epochs": 1, "batch": 20, "learning_rate": 0.1},
        "models": {
            **{name: {"network": TINY} for name in params("fgsm")["models"] if name.startswith("maxout")},
            "maxout-sigmoids": {"network": TINY | {"output": "sigmoids"}},
            "ensemble": {"network": {"kind": "ensemble", "members": 2, "of": TINY}},
        },
        "settings": {
            "rubbish": 20,
            "logits": {"reach": 15.0, "points": 5, "near_points": 5, "images": 5},
            "iterated": {"images": 5, "steps": 2},
        },
    },
    "distillation": {
        "network": {"kind": "vgg", "channels": [4], "dense": [8], "dropout": 0.1},
        "attacks": {"autoattack": {"steps": 2, "n_queries": 3}},
        "settings": {
            "distances": {
                "images": 3,
                "l2": {"steps": 3, "binary_search_steps": 1},
                "l0": {"steps": 3, "trials": 1, "removed": 0.5},
                "linf": {"steps": 3, "trials": 1, "shrink": 0.5},
            },
            "fooling": {"images": 1, "steps": 2, "rounds": 1, "learned": 1},
            "gradients": 5,
            "transfer": {"confidences": [0], "images": 9, "steps": 1},
        },
    },
    "advprop": {
        "inner_attack": {"steps": 1, "rel_step": 1.0},
        "sizes": {"narrow": {"network": {"kind": "cnn", "width": 1}}, "wide": {"network": {"kind": "cnn", "width": 2}}},
        "network": {"kind": "cnn", "width": 1},
    },
}


def images(labels, classes):
    """Noise with a bright pixel for each class, [N, 1, 8, 8]."""
    pixels = np.random.default_rng(0).integers(0, 60, (len(labels), 1, 8, 8)).astype(np.uint8)
    pixels.reshape(len(labels), -1)[np.arange(len(labels)), np.array(labels)] += 150
    return pixels


@pytest.fixture
def made(tmp_path):
    """The reports of a study on a data set of so many classes, made through all stages."""

    def make(study, train_labels, test_labels, classes, attacked=None):
        labels = {"train": train_labels, "test": test_labels}
        arrays = {f"{split}_labels": np.array(each) for split, each in labels.items()}
        arrays |= {f"{split}_images": images(each, classes) for split, each in labels.items()}
        np.savez(tmp_path / "some.npz", **arrays)
        some = {
            "source": {"kind": "npz", "path": str(tmp_path / "some.npz")},
            "eps": 0.1,
            "replicates": 1,
            "seed": 0,
            "network": {"kind": "mlp", "hidden": [8]},
            "training": {"epochs": 1, "batch": 32, "optimizer": "sgd", "learning_rate": 0.1},
        }
        own = OWN[study] | ({"images": attacked} if attacked else {})
        sections = {"assistive": params("assistive") | {"data": {"some": {}}}}
        sections |= {study: params(study) | {"data": {"some": own}}}
        if study == "distillation":
            sections[study] |= {"temperatures": [1, 100]}
        if study == "advprop":
            sections[study]["models"]["attackers"]["sweep"] = {"strengths": [1], "steps": [2]}
        lay_out(tmp_path, {"some": some}, **sections)
        with entered(tmp_path):
            run(study, sections[study])
        report = tmp_path / paths.report("some", study)
        assert not any("nan%" in file.read_text() for file in report.rglob("*.svg"))
        return json.loads((report / "study.json").read_text())

    return make


def run(study, section):
    """All stages of a study on `some`, and what its source needs."""
    plan.main()
    prepare.main("some")
    if study == "classwise":
        train.main("some", "assistive", ["clean"])
    if study == "distillation":
        train.main("some", study, ["surrogate"])
        for temperature in (1, 100):
            train.main("some", study, [f"teacher-{temperature}", f"distilled-{temperature}"])
    else:
        train.main("some", study, [*section["models"]])
    sets = section.get("sets", {"train": {}, "test": {}})
    for name in (*sets["train"], *sets["test"]):
        perturb.main("some", study, name)
    if "augmented" in section:
        train.main("some", study, [*section["augmented"]])
    for model in section.get("checked", ()):
        check_gradients.main("some", study, model)
    for plan_file in sorted((paths.PLAN / "some" / study).glob("evaluate*.json")):
        evaluate.main("some", study, plan_file.stem.removeprefix("evaluate").removeprefix("-"))
    for part in ("jsma", "fooling", "transfer", "analyse") if study == "distillation" else ("analyse",):
        analyse.main("some", study, part)
    plot.main("some", study)


def numbered(classes, images_of_each):
    return [*range(classes)] * images_of_each


@pytest.mark.slow
@pytest.mark.parametrize("study", OWN)
@pytest.mark.parametrize("classes", [2, 3, 50])
def test_any_number_of_classes(made, study, classes):
    made(study, numbered(classes, 200 // classes), numbered(classes, 4), classes)


@pytest.mark.slow
@pytest.mark.parametrize("study", OWN)
def test_a_class_without_test_images(made, study):
    made(study, numbered(4, 30), [*range(1, 4)] * 5, 4)


@pytest.mark.slow
@pytest.mark.parametrize("study", OWN)
def test_classes_of_which_no_image_is_attacked(made, study):
    made(study, numbered(50, 6), numbered(50, 2), 50, attacked=20)


@pytest.mark.slow
@pytest.mark.parametrize("study", OWN)
def test_few_of_few_classes(made, study):
    made(study, numbered(15, 20), numbered(15, 4), 15, attacked=8)
