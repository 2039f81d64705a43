"""What went wrong is one line and an exit status."""

import errno

import pytest

from friendfoe.runtime import cli
from friendfoe.runtime.errors import UserError


def run(monkeypatch, capsys, command, *arguments):
    monkeypatch.setattr("sys.argv", ["stage", *arguments])
    with pytest.raises(SystemExit) as status:
        cli.run(command)
    return status.value.code, capsys.readouterr().err


def fail(error):
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("a is wrong;\n do b"), 1, "error: a is wrong; do b\n"),
        (KeyboardInterrupt(), 130, "error: interrupted; run the same command again to go on from the last checkpoint\n"),
        (OSError(errno.ENOSPC, "No space", "models/x"), 1, "error: the disk is full while writing models/x; free some space and run again\n"),
        (OSError(errno.EACCES, "denied", "models/x"), 1, "error: no permission for models/x; make it accessible for this user and run again\n"),
        (OSError(errno.EROFS, "read-only", ".friendfoe/locks/x"), 1, "error: .friendfoe/locks/x is on a read-only file system; work in a copy of the project that can be written\n"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x"), 1, "error: x: No such file\n"),
    ],
)  # fmt: skip
def test_errors(monkeypatch, capsys, error, code, line):
    assert run(monkeypatch, capsys, fail(error)) == (code, line)


def test_our_own_mistakes_keep_their_traceback(monkeypatch):
    monkeypatch.setattr("sys.argv", ["stage"])
    with pytest.raises(ZeroDivisionError):
        cli.run(fail(ZeroDivisionError()))


def test_usage(monkeypatch, capsys):
    def command(data: str) -> None:
        print(data)

    assert run(monkeypatch, capsys, command, "digits")[0] == 0
    code, line = run(monkeypatch, capsys, command)
    assert code == 2
    assert line.startswith("error: Missing argument")
    code, line = run(monkeypatch, capsys, command, "digits", "--nothing")
    assert code == 2
    assert "No such option" in line
