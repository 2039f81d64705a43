"""The stage of gradient checks: images, replicates, variants and sources as the job says."""

import csv

import numpy as np
import pytest
import torch

from friendfoe.attacks import AttackConfig
from friendfoe.data.prepare import PrepareJob
from friendfoe.data.sources.config import SourceConfig
from friendfoe.evaluation import outcomes
from friendfoe.evaluation.check_budget import CheckBudget
from friendfoe.evaluation.check_gradients import check_gradients
from friendfoe.evaluation.check_results import COLUMNS, METRIC
from friendfoe.evaluation.job import GradientCheckJob
from friendfoe.models.classifier import build
from friendfoe.models.config import NetworkConfig
from friendfoe.models.weights import Header, save
from friendfoe.runtime import paths
from friendfoe.runtime.errors import UserError
from stages import check_gradients as stage
from stages import prepare
from tests.studies.workspaces import DIGITS, entered, lay_out

SMALL = CheckBudget(images=20, steps=5, more_steps=6, restarts=2, targets=1, queries=5)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Images, and networks that nobody has trained."""
    path = tmp_path_factory.mktemp("checks")
    lay_out(path, {"digits": DIGITS})
    with entered(path):
        _plan_images()
        prepare.main("digits")
        network = NetworkConfig.model_validate({"kind": "mlp", "hidden": [8]})
        classes = [str(number) for number in range(10)]
        header = Header(data="", shape=(1, 8, 8), classes=classes, network=network, seed=0)
        for number, name in enumerate(("plain", "other", "sized/small", "sized/large", "source/small", "source/large")):
            for replicate in range(3 if name == "plain" else 1):
                torch.manual_seed(10 * number + replicate)
                file = paths.replicate(paths.model("digits", "some", name), replicate)
                file.parent.mkdir(parents=True, exist_ok=True)
                save(build(network, (1, 8, 8), 10), file, header)
    return path


def _plan_images():
    source = SourceConfig.model_validate({"kind": "digits", "limit": 200})
    file = paths.plan("digits", "prepare")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(PrepareJob(data="digits", source=source, least_classes=2).model_dump_json())


def job(name, **more):
    settings = {"seed": 0, "eps": 0.1, "budget": SMALL} | more
    return GradientCheckJob(data="digits", study="some", models=[name], **settings)


def test_every_replicate_is_checked_on_the_same_images_of_all_classes(workspace):
    with entered(workspace):
        found = check_gradients(
            job("plain", transfer=["other"], reported=AttackConfig.model_validate({"attack": "fgsm"}))
        )
    assert {replicate for _, replicate, _ in found.checks} == {0, 1, 2}
    worst = found.outcomes[METRIC, "plain", "the worst case"]
    assert worst.values.shape == (3, 20)
    assert worst.images == "test"
    assert set(worst.labels) == set(range(10))
    assert not np.array_equal(worst.samples, np.arange(20))
    assert (METRIC, "plain", "transferred images of other") in found.outcomes
    assert {check.name for _, _, check in found.checks if check.outcome.value == "not run"} <= {"eps", "black box"}


def test_no_more_images_and_replicates_than_the_study_and_the_budget_have(workspace):
    with entered(workspace):
        few = check_gradients(job("plain", images=10, budget=SMALL.model_copy(update={"replicates": 2})))
        wide = check_gradients(job("plain"))
    (key, first), *_ = few.outcomes.items()
    assert first.values.shape == (2, 10)
    assert set(first.samples) <= set(wide.outcomes[key].samples)  # those of the study, whatever the budget
    shared = np.isin(wide.outcomes[key].samples, first.samples)
    assert np.array_equal(wide.outcomes[key].values[:2, shared], first.values)


def test_variants_are_checked_each_against_the_same_variant_of_a_source(workspace):
    names = ["sized/small", "sized/large"]
    with entered(workspace):
        found = check_gradients(job("sized", variants=names, transfer=["source"]))
        small = check_gradients(job("sized", variants=names[:1], transfer=["source"]))
        alone = check_gradients(job("other"))
    assert {model for model, _, _ in found.checks} == set(names)
    assert {model for _, model, _ in small.outcomes} == {"sized/small"}
    reasons = {check.reason for _, _, check in alone.checks if check.name == "transfer"}
    assert reasons == {"no other model was given"}


def test_the_stage_writes_a_table_and_the_outcomes(workspace):
    with entered(workspace):
        file = paths.plan("digits", "some", "check-gradients-other")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(job("other").model_dump_json())
        stage.main("digits", "some", "other")
        with (paths.gradients("digits", "some", "other") / "checks.csv").open() as text:
            rows = list(csv.DictReader(text))
        found = outcomes.read(paths.checks("digits", "some", "other") / "outcomes.npz")
    assert tuple(rows[0]) == COLUMNS
    unrun = next(row for row in rows if row["check"] == "transfer")
    assert (unrun["outcome"], unrun["reason"], unrun["value"]) == ("not run", "no other model was given", "")
    assert found[METRIC, "other", "PGD"].values.shape == (1, 20)


def test_a_missing_model_is_named(workspace):
    with entered(workspace), pytest.raises(UserError, match=r"nothing/replicate-0\.safetensors is missing"):
        check_gradients(job("nothing"))
    with entered(workspace), pytest.raises(UserError, match=r"nobody/replicate-0\.safetensors is missing"):
        check_gradients(job("plain", transfer=["nobody"]))
