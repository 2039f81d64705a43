"""The library needs none of what its extras bring; a command that does says which one to install."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from friendfoe.runtime import extras

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(extras._EXTRAS)

LIBRARY = """
import pkgutil, sys
for name in {packages}:
    sys.modules[name] = None
import torch
import friendfoe
for part in ("attacks", "models", "data", "evaluation", "training"):
    package = __import__(f"friendfoe.{{part}}", fromlist=["x"])
    for module in pkgutil.walk_packages(package.__path__, f"friendfoe.{{part}}."):
        __import__(module.name)
from friendfoe.attacks import Threat
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 3)).eval()
images, labels = torch.rand(12, 3, 4, 4), torch.arange(12) % 3
found = friendfoe.evaluate(model, images, labels, threat=Threat("linf", 0.1), attacks=["fgsm"], checks=False)
print(found.summary())
"""

COMMAND = """
import sys
for name in {packages}:
    sys.modules[name] = None
sys.argv = ["friendfoe", *{words}]
from friendfoe.console import main
main()
"""


def python(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120)


def test_attacks_networks_data_evaluation_and_training_need_no_extra():
    done = python(LIBRARY.format(packages=PACKAGES))
    assert done.returncode == 0, done.stderr
    assert "fgsm" in done.stdout


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        (["repro", "assistive", "digits"], "dvc", "pipeline"),
        (["evaluate", "--network", "torchvision:resnet18", "--data", "photos"], "matplotlib", "report"),
    ],
)
def test_a_command_names_the_extra_that_it_lacks(words, package, extra):
    done = python(COMMAND.format(packages=PACKAGES, words=words))
    assert done.returncode == 1
    said = (
        f"error: this needs {package}, which is not installed; in the folder of friendfoe: pip install -e '.[{extra}]'"
    )
    assert done.stderr == f"{said}\n"


def test_what_pandas_says_is_understood():
    error = ImportError("Missing optional dependency 'tabulate'.")
    error.__cause__ = ModuleNotFoundError("No module named 'tabulate'", name="tabulate")
    assert "'.[report]'" in str(extras.missing(error))


def test_what_is_no_extra_keeps_its_traceback():
    assert extras.missing(ModuleNotFoundError("No module named 'nets'", name="nets")) is None


@pytest.mark.parametrize("package", PACKAGES)
def test_the_extra_brings_the_package(package):
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [re.match("[A-Za-z0-9-]+", line)[0] for line in project["optional-dependencies"][extras._EXTRAS[package]]]
    assert {"sklearn": "scikit-learn"}.get(package, package) in named
    assert package not in str(project["dependencies"])
