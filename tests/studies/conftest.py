"""The assistive study on a few digits with tiny networks, run once through its stages."""

import shutil

import pytest

from stages import analyse, check_gradients, evaluate, perturb, plan, plot, prepare, report, train
from tests.once import made_once
from tests.studies.workspaces import CHECKS, DIGITS, entered, lay_out, params


def make(path):
    """Run all stages of the study."""
    section = params("assistive")
    section["data"] = {"digits": {}}
    section["checks"] |= CHECKS
    section["patch"] = {"eps": 1.0, "steps": 2, "areas": [0.1, 0.4], "grid": 2, "images": 12,
                        "universal": {"steps": 2, "batch": 16}}  # fmt: skip
    section["likely"]["training"]["epochs"] = 1
    section["likely"]["tried"] = {"linear": {"network": {"kind": "mlp", "hidden": []}}}
    lay_out(path, {"digits": DIGITS}, assistive=section)
    with entered(path):
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
        report.main("digits")


@pytest.fixture(scope="session")
def assistive(tmp_path_factory):
    """A folder in which everything up to the report has been made for `digits`: this process's own."""
    path = tmp_path_factory.mktemp("assistive") / "made"
    return shutil.copytree(made_once(tmp_path_factory, "assistive", make), path, symlinks=True)


@pytest.fixture
def inside(assistive):
    """The finished workspace as the current folder; what is changed there must be put back."""
    with entered(assistive):
        yield assistive
