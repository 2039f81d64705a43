"""Stages that train, perturb and evaluate on four times the images that their memory holds."""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from friendfoe.data.writer import Statistics, write_split

pytestmark = pytest.mark.slow
LIMIT = 1_000_000_000  # bytes that all processes of a stage have of their own, together
SIDE, CLASSES, ROWS = 128, 10, 64
COUNT = -(-4 * LIMIT // (3 * SIDE * SIDE))
SPLITS = {"train": COUNT, "test": COUNT // 50}


def chunks(count):
    """Random images of another brightness for each class."""
    draw = np.random.default_rng(0)
    noise = draw.integers(0, 100, (ROWS, 3, SIDE, SIDE), np.uint8)
    for start in range(0, count, ROWS):
        labels = np.arange(start, min(start + ROWS, count)) % CLASSES
        yield noise[: len(labels)] + (15 * labels).astype(np.uint8)[:, None, None, None], labels


def own_memory(process):
    """Bytes of a process and those that it has started, without what is a file's; what they share is counted once."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            with suppress(OSError):
                fields = dict(
                    line.split(":") for line in Path(f"/proc/{each.pid}/smaps_rollup").read_text().splitlines()[1:]
                )
                total += int(fields["Pss_Anon"].split()[0]) << 10
    return total


def peak(project, *words):
    """The most that a stage has had of its own."""
    command = [sys.executable, "-m", *words]
    with (project.path / "log").open("w+") as log:
        running = subprocess.Popen(
            command,
            cwd=project.path,
            env=project.environment(MALLOC_MMAP_THRESHOLD_=str(2**22)),
            stdout=log,
            stderr=log,
        )
        most = 0
        while running.poll() is None:
            most = max(most, own_memory(psutil.Process(running.pid)))
            time.sleep(0.5)
    assert running.returncode == 0, (project.path / "log").read_text()
    return most


def test_no_stage_holds_more_than_a_part_of_its_images(fresh_project, tmp_path):
    if not Path("/proc/self/smaps_rollup").exists() or "Pss_Anon" not in Path("/proc/self/smaps_rollup").read_text():
        pytest.skip("this system does not say what memory a process has of its own")
    project = fresh_project.copy(tmp_path / "project")
    project.set("data.digits.replicates", 1)
    project.set("assistive:data.digits", {"network": {"kind": "mlp", "hidden": []}, "training": {"epochs": 1}})
    project.plan()
    (prepared := project.path / "data/prepared/digits").mkdir(parents=True)
    for split, count in SPLITS.items():
        names, like = [str(label) for label in range(CLASSES)], Statistics((0.5,) * 3, (0.25,) * 3)
        write_split(prepared, split, chunks(count), name="digits", classes=names, statistics=like)
    assert sum(file.stat().st_size for file in prepared.iterdir()) > 4 * LIMIT
    found = {
        words: peak(project, *words.split())
        for words in (
            "stages.train digits assistive clean",
            "stages.perturb digits assistive assist-train",
            "stages.evaluate digits assistive clean",
        )
    }
    assert max(found.values()) < LIMIT, found
    for file in tmp_path.rglob("*.safetensors"):  # not left for the next tests
        file.unlink()
