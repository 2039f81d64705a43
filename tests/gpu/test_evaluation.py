"""What is measured on an accelerator: corruptions are the CPU's, and a study goes through all its stages."""

import csv

import pytest
import torch

from friendfoe.data.corruptions import CORRUPTIONS, MNIST_C, corrupt
from friendfoe.runtime import paths
from stages import analyse, check_gradients, evaluate, perturb, plan, plot, prepare, train
from tests.studies.workspaces import DIGITS, entered, lay_out, params

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(("channels", "side"), [(1, 28), (3, 32)])
@pytest.mark.parametrize("name", [*CORRUPTIONS, *MNIST_C])
def test_corruptions_are_those_of_the_cpu(accelerator, batch, name, channels, side):
    images, _ = batch(3, torch.float64, channels, side)
    here, there = corrupt(images, name, 3, seed=0), corrupt(images.to(accelerator), name, 3, seed=0)
    assert there.device.type == accelerator.type
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=1e-5)


def test_a_study_from_images_to_its_page(accelerator, tmp_path):
    section = params("assistive")
    section["data"] = {"digits": {}}
    section["patch"] = {"eps": 1.0, "steps": 1, "areas": [0.1], "grid": 1, "images": 6,
                        "universal": {"steps": 1, "batch": 16}}  # fmt: skip
    section["likely"]["training"]["epochs"] = 1
    section["likely"]["tried"] = {}
    lay_out(
        tmp_path, {"digits": {**DIGITS, "replicates": 1, "network": {"kind": "cnn", "width": 2}}}, assistive=section
    )
    with entered(tmp_path):
        plan.main()
        prepare.main("digits")
        train.main("digits", "assistive", [*section["models"]])
        for name in (*section["sets"]["train"], *section["sets"]["test"]):
            perturb.main("digits", "assistive", name)
        train.main("digits", "assistive", [*section["augmented"]])
        for model in (*section["models"], *section["augmented"]):
            evaluate.main("digits", "assistive", model)
        check_gradients.main("digits", "assistive", "clean")
        analyse.main("digits", "assistive")
        plot.main("digits", "assistive")
        with paths.evaluation("digits", "assistive", "clean").open() as file:
            rows = list(csv.DictReader(file))
        assert {row["condition"] for row in rows} == set(section["evaluate"])
        assert (paths.report("digits", "assistive") / "index.html").exists()
