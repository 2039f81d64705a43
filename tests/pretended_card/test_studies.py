"""Every stage of the five studies runs on a card, and so do training and evaluation as stages do them.

What is asked for is what their own tests ask for; each file in a process of its own, since nothing can be forked from
one that has used the card.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUDIES = [f"studies/test_{study}.py" for study in ("assistive", "fgsm", "advprop", "distillation", "classwise")]
TRAINING = [f"training/test_{part}.py" for part in ("distillation", "model")]
EVALUATION = [f"evaluation/test_{part}.py" for part in ("benchmarks", "check_gradients", "evaluate")]


@pytest.mark.slow
@pytest.mark.parametrize("file", [*STUDIES, *TRAINING, *EVALUATION])
def test_it_runs_on_a_card(file):
    options = ["-p", "tests.pretended_card.plugin", "-p", "no:cacheprovider", "-n", "0", "-rP", "-q"]
    environment = {**os.environ, "FRIENDFOE_WORKERS": "2"}
    command = [sys.executable, "-m", "pytest", *options, f"tests/{file}"]
    command += ["-k", "not another_process"]  # where there is no card
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr
    assert "launches" in run.stdout
