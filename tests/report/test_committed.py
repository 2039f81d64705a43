"""Of the committed reports: nothing lies among them that no stage writes. Which code wrote it says `friendfoe provenance`."""

import subprocess
from pathlib import Path, PurePosixPath

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
ABOVE = {"index.html", "claims.csv", "claims.json"}  # drawn from all studies, by whichever stage of plotting ends last


def test_every_file_comes_from_a_stage():
    """A file that a stage once wrote and no longer writes would stay for ever, and look like a result."""
    listed = subprocess.run(["git", "ls-files", "reports"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout: which files are committed is unknown")
    files = [*map(PurePosixPath, listed.stdout.splitlines())]
    locks = [YAML(typ="safe").load(lock) for lock in sorted(ROOT.glob("pipelines/*/dvc.lock"))]
    stages = [stage for lock in locks for stage in lock["stages"].values()]
    written = {PurePosixPath(out["path"]) for stage in stages for out in stage.get("outs", [])}
    above = {file for file in files if file.name in ABOVE and len(file.parts) <= 3}
    assert len(files) > 900
    assert len(above) == len(ABOVE) + len({file.parts[1] for file in files if len(file.parts) > 2})
    assert not [str(file) for file in files if file not in above and not written & {file, *file.parents}]
