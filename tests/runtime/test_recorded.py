"""What DVC has recorded of an output says how a damaged one is mended."""

import hashlib
import json
from pathlib import Path

import pytest

from friendfoe.runtime import recorded

STAGE = "pipelines/study/dvc.yaml:train@digits-clean"
COMMAND = "python -m stages.train digits study clean"
FOLDER, FILE = Path("models/digits/study/clean"), Path("models/digits/study/clean/replicate-0.safetensors")


def keep(content):
    """An object of DVC's cache; its MD5."""
    md5 = hashlib.md5(content).hexdigest()
    recorded.cache_path(md5).parent.mkdir(parents=True, exist_ok=True)
    recorded.cache_path(md5).write_bytes(content)
    return md5


@pytest.fixture(autouse=True)
def md5(tmp_path, monkeypatch):
    """A project with one output, that is in the cache; the MD5 of its file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recorded, "cache_folder", lambda: Path("cache"))
    md5 = keep(b"weights")
    listing = keep(json.dumps([{"md5": md5, "relpath": FILE.name}]).encode())
    recorded.cache_path(listing).rename(recorded.cache_path(listing + ".dir"))
    Path("pipelines/study").mkdir(parents=True)
    Path("pipelines/study/dvc.lock").write_text(
        f"stages:\n  train@digits-clean:\n    cmd: {COMMAND}\n    outs:\n    - path: {FOLDER}\n      md5: {listing}.dir\n"
    )
    Path("pipelines/other").mkdir()
    Path("pipelines/other/dvc.lock").touch()  # as an interrupted DVC leaves it
    FOLDER.mkdir(parents=True)
    FILE.write_bytes(b"weights")
    return md5


def test_the_hash_of_a_directory_is_that_of_dvc():
    (output,) = recorded.outputs()
    assert output == recorded.Output(STAGE, COMMAND, FOLDER, recorded.path_md5(FOLDER))
    assert output.files() == {FILE: recorded.path_md5(FILE)}


def test_a_damaged_file_comes_from_the_cache():
    assert f"`rm -f {FILE} && dvc checkout --force {STAGE}`" in recorded.remedy(FILE)
    assert f"`rm -f {FILE.absolute()} &&" in recorded.remedy(FILE.absolute())


@pytest.mark.parametrize("content", [b"wieghts", b"weight", b""])
def test_a_damaged_object_is_to_be_removed_first(md5, content):
    recorded.cache_path(md5).write_bytes(content)
    assert f"`rm -f {FILE} && rm -f {recorded.cache_path(md5)} && dvc repro {STAGE}`" in recorded.remedy(FILE)
    recorded.cache_path(md5).unlink()
    assert f"`rm -f {FILE} && dvc repro {STAGE}`" in recorded.remedy(FILE)


def test_what_is_not_ours_is_moved_to_where_dvc_removes_nothing():
    moved = f"`mv {FILE} {FILE.name}.other && dvc checkout --force {STAGE}`"
    assert moved in recorded.remedy(FILE, ours=False)


def test_nothing_is_advised_of_files_of_others(tmp_path):
    assert recorded.remedy(Path("own.pt")) is None
    assert recorded.remedy(tmp_path.parent / FILE) is None
