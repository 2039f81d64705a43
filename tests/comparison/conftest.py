"""Runs that are made up: a project with a report that is written as studies write theirs."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from friendfoe.evaluation.sample import Sample
from friendfoe.report.study import StudyReport
from friendfoe.report.tables import Table
from friendfoe.runtime import paths
from friendfoe.runtime.recorded import path_md5
from friendfoe.studies.evidence import frame

DATA, STUDY = "digits", "assistive"
IMAGES = 200
MODELS = [f"model-{number}" for number in range(6)]
CONDITIONS = ["clean", "attack"]


def values(seed=0, other_bits=0, replicates=5):
    """Accuracies by model and condition in every replicate; other bits change a few images of some replicates."""
    draw, noise = np.random.default_rng(seed), np.random.default_rng(100 + other_bits)
    found = {}
    for row, model in enumerate(MODELS):
        for condition in CONDITIONS:
            right = draw.binomial(IMAGES, 0.95 - 0.1 * row if condition == "clean" else 0.5, replicates)
            right += noise.integers(-2, 3, replicates) if other_bits else 0
            found[model, condition] = np.clip(right, 0, IMAGES) / IMAGES
    return found


def write(root, found, *, verdict="reproduced", **settings):
    """A report, and the lock of what came out, below a folder."""
    directory = root / paths.report(DATA, STUDY)
    directory.mkdir(parents=True)
    report = StudyReport(directory, STUDY, DATA)
    report.title("A study", "What is found?", [], "few images")
    estimates = frame({key: _sample(one).estimate() for key, one in found.items()}, ["model", "condition"])
    cells = pd.DataFrame({"accuracy": [f"{mean:.3f}" for mean in estimates["mean"]]}, index=map(", ".join, found))
    data = estimates.reset_index().assign(citation="a paper, table 1")
    report.table(Table("table-1", "Accuracy", cells, data))
    claim = {
        "text": "All is well",
        "place": "abstract",
        "verdict": verdict,
        "parts": [["it", "above 0", "1", "–", verdict]],
    }
    report.head |= {"claims": [claim], "judged": "so"}
    report.headline(accuracy=float(estimates["mean"].iloc[0]))
    job = {"code": "abc", "seed": 0, "replicates": 5, "training": {"epochs": 2}, **settings}
    drawn = {"commit": "0123456789ab", "date": "2026-11-26T10:00:00+00:00", "gpu": None, "processor": "a processor"}
    report.provenance(drawn, {}, {"model": job})
    report.close()
    counts = [
        (DATA, model, replicate, condition, "uint8", name, IMAGES // 2, round(value * IMAGES / 2), 0.9, 0.5)
        for (model, condition), one in found.items() for replicate, value in enumerate(one) for name in "ab"
    ]  # fmt: skip
    columns = [
        "data",
        "model",
        "replicate",
        "condition",
        "pixels",
        "class",
        "n",
        "correct",
        "confidence",
        "confidence_wrong",
    ]
    evaluation = root / paths.evaluation(DATA, STUDY, "all")
    evaluation.parent.mkdir(parents=True)
    pd.DataFrame(counts, columns=columns).to_csv(evaluation, index=False)
    lock(root)


def lock(root):
    """Write down what came out, as DVC does."""
    places = [
        paths.report(DATA, STUDY) / "tables",
        paths.report(DATA, STUDY) / "study.json",
        paths.evaluation(DATA, STUDY, "all"),
    ]
    outs = [{"path": str(place), "md5": path_md5(root / place)} for place in places]
    file = root / paths.PIPELINES / STUDY / "dvc.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"schema": "2.0", "stages": {f"plot@{DATA}": {"cmd": "true", "outs": outs}}}))


def change(root, before, after, file="tables/table-1.csv"):
    """Change a text in a file of the report by hand."""
    path = root / paths.report(DATA, STUDY) / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def git(*words):
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    return subprocess.run(("git", *identity, *words), check=True, capture_output=True, text=True).stdout.strip()


def _sample(one):
    return Sample(np.asarray(one), bounds=(0, 1), images=IMAGES, floor=0.1 / IMAGES**2, share=True)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A committed run, as the current folder."""
    monkeypatch.chdir(tmp_path)
    write(Path(), values())
    Path(".gitignore").write_text("/.friendfoe/\n")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "start")
    return tmp_path


@pytest.fixture
def rerun(project):
    """Run it again, which writes what is given."""

    def write_again(found, **settings):
        for folder in (paths.REPORTS, paths.PIPELINES):
            subprocess.run(("rm", "-r", folder), check=True)
        write(Path(), found, **settings)

    return write_again
