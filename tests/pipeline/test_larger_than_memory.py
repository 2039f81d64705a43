"""A set of images four times as large as the memory that stages may have, from files to an evaluation."""

import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pipeline.conftest import FEW_STAGES

pytestmark = [pytest.mark.pipeline, pytest.mark.slow]
LIMIT = 1_250_000_000  # bytes of its own that a process may have (`ulimit -d`); with torch alone it has 0.76e9
SIDE, CLASSES = 256, 4
COUNT = -(-4 * LIMIT // (3 * SIDE * SIDE))
SHARE = {"train": 0.8, "test": 0.2}
STAGES = (
    ("prepare", "digits"),
    ("train", "digits", "assistive", "clean"),
    ("perturb", "digits", "assistive", "assist-train"),
    ("evaluate", "digits", "assistive", "clean"),
)


@pytest.fixture
def project(fresh_project, tmp_path):
    project = fresh_project.copy(tmp_path / "project")
    project.set("data.digits.source", {"kind": "folder", "path": str(tmp_path / "raw")})
    project.set("assistive:data.digits.network", {"kind": "mlp", "hidden": [8]})
    project.set("data.digits.replicates", 1)
    project.set("data.digits.training.epochs", 1)
    write(tmp_path / "raw")
    return project


def write(folder):
    """Files of a few kilobytes, of a few pixels that are drawn large."""
    draw = np.random.default_rng(0)
    for split, share in SHARE.items():
        for label in range(CLASSES):
            (place := folder / split / str(label)).mkdir(parents=True)
            for number in range(-(-int(COUNT * share) // CLASSES)):
                few = draw.integers(0, 128, (4, 4, 3), np.uint8) + np.uint8(40 * label)
                Image.fromarray(few).resize((SIDE, SIDE), Image.Resampling.NEAREST).save(
                    place / f"{number}.jpg", quality=70
                )


def run(project, *words):
    """A stage with that limit; the most that it has had of its own, in bytes."""
    running = subprocess.Popen(
        [sys.executable, "-m", f"stages.{words[0]}", *words[1:]], cwd=project.path, text=True,
        env=project.environment(FRIENDFOE_WORKERS="1", **FEW_STAGES), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)),
    )  # fmt: skip
    most = 0

    def watch():
        nonlocal most
        while running.poll() is None:
            try:
                status = Path(f"/proc/{running.pid}/status").read_text()
            except OSError:
                return
            lines = dict(line.split(":", 1) for line in status.splitlines())
            most = max(most, 1024 * int(lines.get("VmData", "0").split()[0]))
            time.sleep(0.05)

    (watching := threading.Thread(target=watch)).start()
    said, _ = running.communicate()
    watching.join()
    assert running.returncode == 0, said
    return most


def test_stages_go_through_images_that_do_not_fit_into_memory(project):
    assert sys.platform == "linux"
    project.plan()
    for stage in STAGES:
        began = time.monotonic()
        most = run(project, *stage)
        print(f"{stage[0]}: {most / 1e9:.2f} GB, {time.monotonic() - began:.0f} s")
        assert most < LIMIT
    sizes = [
        sum(file.stat().st_size for file in (project.path / folder).rglob("*.safetensors"))
        for folder in ("data/prepared", "data/perturbed")
    ]
    assert sizes[0] >= 4 * LIMIT
    assert sizes[1] >= 3 * LIMIT
    table = (project.path / "reports/digits/evaluations/assistive/clean.csv").read_text()
    assert "clean" in table
