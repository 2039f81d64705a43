"""The class-wise study where classes have nothing: none right, no test image, no other class."""

import json

import numpy as np
import pandas as pd
import pytest

from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from friendfoe.studies.classwise.names import CONDITIONS, MODELS
from stages import plan, prepare
from tests.studies.test_classwise import OWN, everything, sections
from tests.studies.workspaces import DIGITS, entered, lay_out, write

LEVELS = {"dark": 10, "middle": 120, "bright": 245}  # classes differ in brightness
NAMES = ["00000", "nan", "_$x$|<b>"]  # which look like something else


def images(classes):
    """Noisy images of these levels, [N, 1, 4, 4]."""
    noise = np.random.default_rng(0).integers(-10, 10, (len(classes), 1, 4, 4))
    return np.clip(np.array([LEVELS[name] for name in classes]).reshape(-1, 1, 1, 1) + noise, 0, 255).astype(np.uint8)


def workspace(path, train_images, test_images, test_labels, count):
    """A folder with a data set `some` of `count` classes, and the params of the study for it."""
    labels = np.arange(len(train_images)) % count
    np.savez(
        path / "some.npz",
        train_images=train_images, train_labels=labels, test_images=test_images, test_labels=np.array(test_labels),
        classes=np.array(NAMES[:count]),
    )  # fmt: skip
    training = {**DIGITS["training"], "epochs": 3}
    some = {
        **DIGITS,
        "eps": 0.1,
        "seed": 0,
        "source": {"kind": "npz", "path": str(path / "some.npz")},
        "training": training,
    }
    changed = sections("some", OWN)
    changed["classwise"]["standard"] = {"images": 1}  # 5000 queries for each that withstands
    lay_out(path, {"some": some}, **changed)


@pytest.fixture(scope="module")
def with_holes(tmp_path_factory):
    """Class 1 is never answered (its test images are dark ones), and class 2 has no test images."""
    path = tmp_path_factory.mktemp("holes")
    names = list(LEVELS)
    workspace(path, images(names * 20), images(["dark"] * 20), [0, 1] * 10, 3)
    with entered(path):
        everything("some")
    return path


@pytest.mark.slow
def test_classes_with_nothing_right_and_without_images_have_a_clear_result(with_holes):
    tables = with_holes / paths.report("some", "classwise") / "tables"
    spread = pd.read_csv(tables / "classes-unequal.csv").set_index(["row", "column"])["mean"]
    assert spread["PGD-AT: clean", "weakest class"] == 0
    assert spread["PGD-AT: clean", "discrepancy"] == 1  # between the two classes that have images
    classes = pd.read_csv(tables / "classes.csv", dtype={"class": str}, keep_default_na=False, na_values={"mean": [""]})
    rows = classes[(classes["model"] == "pgd-at") & (classes["condition"] == "clean")].set_index("class")
    assert rows.loc["nan", ["mean", "low"]].tolist() == [0, 0]
    assert 0.1 < float(rows.loc["nan", "high"]) < 0.6  # none of 10
    assert "_$x$|<b>" not in rows.index
    text = (tables / "classes.md").read_text()
    assert next(line for line in text.splitlines() if line.startswith(r"| \_\$x\$\|\<b> ")).count("–") == 12
    claims = json.loads((with_holes / paths.report("some", "classwise") / "study.json").read_text())["claims"]
    assert len(claims) == 12


def test_names_are_the_same_in_tables_and_figures(with_holes):
    report = with_holes / paths.report("some", "classwise")
    assert [row["head"] for block in json.loads((report / "study.json").read_text())["blocks"]
                     if block.get("name") == "classes" for row in block["rows"]] == NAMES  # fmt: skip
    drawn = "".join(path.read_text() for path in report.rglob("*.svg"))
    for name in NAMES:  # as comments above their outlines
        assert f"<!-- {name.replace('<', '&lt;').replace('>', '&gt;')} -->" in drawn


def test_every_class_stands_in_the_csv_under_every_attack_and_defence(with_holes):
    classes = pd.read_csv(with_holes / paths.report("some", "classwise") / "tables" / "classes.csv")
    assert len(classes) == len(MODELS) * len(CONDITIONS) * 2  # the third has no images
    assert {"low", "high", "n"} <= set(classes.columns)


def test_too_few_classes_are_refused_before_anything_is_trained(tmp_path):
    workspace(tmp_path, images(["dark"] * 20), images(["dark"] * 4), [0] * 4, 1)
    with entered(tmp_path):
        plan.main()
        with pytest.raises(UserError, match="some has a single class, 00000: there is nothing to tell apart"):
            prepare.main("some")


def test_an_attack_that_needs_three_classes_says_so_before_anything_is_trained(tmp_path):
    workspace(tmp_path, images(["dark", "bright"] * 10), images(["dark", "bright"] * 2), [0, 1] * 2, 2)
    changed = sections("some", OWN)
    changed["classwise"]["evaluate"]["dlr"] = {"attack": "apgd-dlr"}
    write(tmp_path / "pipelines/classwise/params.yaml", changed["classwise"])
    with entered(tmp_path):
        plan.main()
        with pytest.raises(UserError, match=r"the train images of some are of 2 classes, and a study .* needs 3"):
            prepare.main("some")
