"""Some images of a data set whose images stand class by class are of all classes."""

import re
from collections import Counter

import numpy as np
import torch

from friendfoe.data.store import load_split
from friendfoe.evaluation.gradient_masking import MaskingCheck
from friendfoe.runtime import paths
from stages import check_gradients, plan, prepare, train
from tests.studies.workspaces import DIGITS, ROOT, entered, lay_out, params


def test_gradients_are_checked_on_images_of_all_classes(tmp_path, monkeypatch):
    labels = np.repeat(np.arange(4), 60)
    images = np.random.default_rng(0).integers(0, 255, (240, 1, 8, 8), np.uint8)
    np.savez(
        tmp_path / "some.npz",
        **{
            f"{split}_{name}": each
            for split in ("train", "test")
            for name, each in (("images", images), ("labels", labels))
        },
    )
    some = DIGITS | {"source": {"kind": "npz", "path": str(tmp_path / "some.npz")}, "replicates": 1}
    lay_out(tmp_path, {"some": some}, assistive=params("assistive") | {"data": {"some": {}}})
    asked, check = [], MaskingCheck("some", "?", {"number": 0.0}, passed=True)
    monkeypatch.setattr(
        check_gradients, "gradient_masking", lambda network, images, labels, **_: asked.append(labels) or [check]
    )
    with entered(tmp_path):
        plan.main()
        prepare.main("some")
        train.main("some", "assistive", ["clean"])
        check_gradients.main("some", "assistive", "clean")
        test = load_split(paths.prepared("some"), "test")
    assert Counter(asked[0].tolist()) == {0: 25, 1: 25, 2: 25, 3: 25}
    assert torch.equal(test.some(1000), torch.arange(240))


def test_nothing_takes_the_first_images():
    sliced = re.compile(r"(images|labels)\[:[A-Za-z]\w*\]")
    files = [*(ROOT / "friendfoe").rglob("*.py"), *(ROOT / "stages").rglob("*.py")]
    assert {file.name for file in files if sliced.search(file.read_text())} == set()
