"""A page of every kind that the project writes, with whatever pages find hard in it."""

import pandas as pd
import torch
from torch import nn

from friendfoe import evaluate
from friendfoe.attacks import Threat
from friendfoe.comparison import page as compare_page
from friendfoe.comparison.compare import compare
from friendfoe.comparison.reports import report
from friendfoe.comparison.runs import Folder
from friendfoe.diagnosis import compare as diagnoses
from friendfoe.pipeline import sweep_results
from friendfoe.report.page import write_sweep_page, write_top_page
from friendfoe.runtime import paths
from tests.comparison import conftest as runs
from tests.report import explored
from tests.report.made_up import HOSTILE, write_reports

CLASSES = [HOSTILE, "w" * 60, "plain"]

PAGES = {
    "top": "index.html",
    "data": "digits/index.html",
    "study": "digits/assistive/index.html",
    "explorer": "explorer/index.html",
    "sweep": "digits/sweeps/assistive/wider/index.html",
    "compare": "compare/index.html",
    "diagnosis": "a/index.html",
    "diagnoses": "diagnoses/index.html",
}


def write_every_page(root):
    """Write all of `PAGES` into a folder."""
    write_reports(root)
    _sweep(root)
    write_top_page(root)
    explored.write_page(root / "explorer", explored.made())
    _compare(root)
    for name in "ab":
        _diagnose(name).save(root / name)
    diagnoses.compare([root / "a", root / "b"]).save(root / "diagnoses")


def _sweep(root):
    points = [
        (eps, name, "digits", "assistive", 0.1, 0.05, 0.2, 3) for eps in ("0.1", "0.2") for name in ("gain", HOSTILE)
    ]
    found = pd.DataFrame(
        points, columns=["data.digits.eps", "metric", "data", "study", "mean", "low", "high", "replicates"]
    )
    folder = root / paths.sweep("digits", "assistive", "wider").relative_to(paths.REPORTS)
    sweep_results.write(found, ["data.digits.eps"], folder)
    table = sweep_results._table(found, ["data.digits.eps"])
    write_sweep_page(folder, table, "digits", "assistive", "wider")


def _compare(root):
    found = runs.values()
    runs.write(root / "runs/before", found)
    found["model-2", "clean"] = found["model-2", "clean"] - 0.15
    found[HOSTILE, "clean"] = found["model-1", "clean"]
    runs.write(root / "runs/after", found, verdict="contradicted", training={"epochs": 3})
    both = [report(Folder(name, root / "runs" / name), runs.DATA, runs.STUDY) for name in ("before", "after")]
    compare_page.write([compare(*both), compare(both[0], both[0])], ("before", HOSTILE), root / "compare")


def _diagnose(name):
    """A network that knows nothing, on noise."""
    torch.manual_seed(ord(name))
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, len(CLASSES))).eval()
    images, labels = torch.rand(30, 1, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3
    options = {"attacks": ["fgsm", "pgd-5", "assist"], "corruptions": ["brightness"], "checks": name == "a"}
    return evaluate(network, images, labels, threat=Threat("linf", 0.1), classes=CLASSES, name=name, **options)
