"""Work beside the main process: all of it is done, and an error is not lost."""

from functools import partial

import pytest

from friendfoe.runtime.forks import background


@pytest.fixture(params=["1", "2", "3"], autouse=True)
def _workers(request, monkeypatch):
    monkeypatch.setenv("FRIENDFOE_WORKERS", request.param)


def write(path, send):
    send("begun")  # to nobody
    path.write_text(path.name)


def refuse(path, send):
    raise OSError(28, "no space left", str(path))


def test_all_is_done_in_the_end(tmp_path):
    background((number, partial(write, tmp_path / str(number))) for number in range(7))
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == [str(number) for number in range(7)]


def test_an_error_is_raised_here(tmp_path):
    with pytest.raises(OSError, match="no space left") as error:
        background([(0, partial(write, tmp_path / "file")), (1, partial(refuse, tmp_path))])
    assert error.value.filename == str(tmp_path)
