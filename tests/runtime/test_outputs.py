"""A failed stage leaves the outputs of the last good run."""

from pathlib import Path

import pytest

from friendfoe.runtime.outputs import outputs

TREE, FILE = Path("models/a"), Path("reports/a.json")


def write(text):
    TREE.mkdir(parents=True, exist_ok=True)
    (TREE / "w").write_text(text)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_what_was_deleted_or_half_written_comes_back(failure):
    with outputs(TREE, FILE):
        write("good")
    (TREE / "w").unlink()  # as DVC does before a stage runs
    TREE.rmdir()
    FILE.unlink()
    FILE.write_text("half")
    with pytest.raises(failure), outputs(TREE, FILE):
        raise failure
    assert (TREE / "w").read_text() == FILE.read_text() == "good"
    assert [path.name for path in TREE.iterdir()] == ["w"]


def test_the_first_run_that_fails_leaves_what_there_was():
    write("of somebody else")
    with pytest.raises(RuntimeError), outputs(TREE, FILE):
        raise RuntimeError
    assert FILE.read_text() == "of somebody else"


def test_what_is_kept_is_the_latest():
    for text in ("first", "second"):
        with outputs(TREE, FILE):
            TREE.mkdir(parents=True, exist_ok=True)
            (TREE / "w").unlink(missing_ok=True)
            FILE.unlink(missing_ok=True)
            write(text)
    with pytest.raises(RuntimeError), outputs(TREE, FILE):
        raise RuntimeError
    assert (TREE / "w").read_text() == FILE.read_text() == "second"
