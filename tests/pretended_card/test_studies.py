"""Every stage of the five studies runs on a card; what its report holds is what the study's own tests ask for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("study", ["assistive", "fgsm", "advprop", "distillation", "classwise"])
def test_a_study_runs_on_a_card(study):
    options = ["-p", "tests.pretended_card.plugin", "-p", "no:cacheprovider", "-n", "0", "-rP", "-q"]
    environment = {**os.environ, "FRIENDFOE_WORKERS": "2"}
    command = [sys.executable, "-m", "pytest", *options, f"tests/studies/test_{study}.py"]
    command += ["-k", "not another_process"]  # where there is no card
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr
    assert "launches" in run.stdout
