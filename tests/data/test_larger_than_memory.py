"""Preparing a set of images four times as large as the memory that it may have."""

import os
import resource
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from friendfoe.data.store import load_split

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LIMIT = 1_250_000_000  # bytes of its own that a process may have (`ulimit -d`)
SIDE, CLASSES = 256, 4
COUNT = -(-4 * LIMIT // (3 * SIDE * SIDE))
SHARE = {"train": 0.98, "test": 0.02}  # up to 1 GiB, a split is in memory as a whole
PREPARE = """
from pathlib import Path
from friendfoe.data.prepare import prepare
from friendfoe.data.sources.folder import FolderConfig
prepare(FolderConfig(kind="folder", path=Path("raw").absolute()), Path(), Path("prepared"), "large")
"""


def write(folder):
    """Files of a few kilobytes, of a few pixels that are drawn large; some hundred of them, again and again."""
    draw = np.random.default_rng(0)
    for label in range(CLASSES):
        drawn = []
        for few in draw.integers(0, 128, (32, 4, 4, 3), np.uint8) + np.uint8(40 * label):
            content = BytesIO()
            Image.fromarray(few).resize((SIDE, SIDE), Image.Resampling.NEAREST).save(content, "JPEG", quality=70)
            drawn.append(content.getvalue())
        for split, share in SHARE.items():
            (place := folder / split / str(label)).mkdir(parents=True)
            for number in range(-(-int(COUNT * share) // CLASSES)):
                (place / f"{number}.jpg").write_bytes(drawn[number % len(drawn)])


def test_image_files_that_do_not_fit_into_memory_are_prepared(tmp_path):
    write(tmp_path / "raw")
    result = subprocess.run(
        [sys.executable, "-c", PREPARE], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        capture_output=True, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    size = sum(file.stat().st_size for file in (tmp_path / "prepared").iterdir())
    assert size >= 4 * LIMIT
    split = load_split(tmp_path / "prepared", "train")
    first, last = (split.images[torch.tensor([row])] for row in (0, len(split) - 1))
    assert first.float().mean() < last.float().mean()  # classes are of other brightness
    for file in tmp_path.rglob("*.safetensors"):  # not left for the next tests
        file.unlink()
