"""`FRIENDFOE_PROCESSES`: a stage of DVC starts several processes, and makes what one makes."""

import pytest
import torch

from tests.pipeline.conftest import tensors

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]
STAGES = ("perturb-test@digits-assist-test", "evaluate@digits-clean", "train@digits-clean")


def test_stages_make_what_one_process_makes(project):
    before, weights = project.files("data/perturbed", "outcomes", "reports"), tensors(project.path / "models")
    for stage in STAGES:
        ran = project.repro(
            "--force", "--single-item", f"pipelines/assistive/dvc.yaml:{stage}", FRIENDFOE_PROCESSES="2"
        )
        assert ran == [f"assistive {stage}"]
    after, found = project.files("data/perturbed", "outcomes", "reports"), tensors(project.path / "models")
    assert {str(path) for path in before if before[path] != after[path]} <= {
        "reports/digits/training/assistive/clean.tsv"
    }
    assert found.keys() == weights.keys()
    for key, content in found.items():
        one, two = (torch.frombuffer(bytearray(each), dtype=torch.float32) for each in (weights[key], content))
        torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-4)
