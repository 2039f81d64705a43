import errno
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory, atomic_path


def fail(context: AbstractContextManager[Path], error: BaseException) -> None:
    """Write half of a file, or half of a folder, and fail."""
    with context as partial:
        (partial / "half" if partial.is_dir() else partial).write_text("half")
        raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_and_its_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "weights.bin"
    with atomic_path(path) as partial:
        partial.write_bytes(b"half")
        assert partial.name == "weights.bin.partial"
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert names(path.parent) == ["weights.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_earlier_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "curve.tsv"
    path.write_text("earlier")

    with pytest.raises(error):
        fail(atomic_path(path), error())
    assert path.read_text() == "earlier"
    assert names(tmp_path) == ["curve.tsv"]


def test_what_a_killed_run_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file.partial").write_text("half")
    (tmp_path / "folder.partial" / "below").mkdir(parents=True)
    with atomic_path(tmp_path / "file") as partial:
        assert not partial.exists()
        partial.write_text("whole")
    with atomic_directory(tmp_path / "folder") as partial:
        assert names(partial) == []
        (partial / "file").write_text("whole")
    assert names(tmp_path) == ["file", "folder"]


def test_a_directory_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "mnist"
    for name in ("old", "new"):
        with atomic_directory(path) as partial:
            (partial / name).write_text(name)
    assert names(path) == ["new"]
    assert names(tmp_path) == ["mnist"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_earlier_directory(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "mnist"
    path.mkdir()
    (path / "old").write_text("old")

    with pytest.raises(error):
        fail(atomic_directory(path), error())
    assert names(path) == ["old"]
    assert names(tmp_path) == ["mnist"]


def test_a_crash_between_the_two_renames_is_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mnist"
    path.mkdir()
    (path / "old").write_text("old")
    rename = Path.rename

    def fail_second(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, "input/output error")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail_second)
        with pytest.raises(OSError, match="input/output error"), atomic_directory(path) as partial:
            (partial / "new").write_text("new")
    # the process lived, and repaired at once
    assert names(path) == ["old"]

    path.rename(tmp_path / "mnist.previous")  # the process was killed there
    with pytest.raises(ValueError, match="later"), atomic_directory(path):
        raise ValueError("later")
    assert names(path) == ["old"]
    assert names(tmp_path) == ["mnist"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("context", [atomic_path, atomic_directory])
def test_a_full_disk_is_one_line(
    tmp_path: Path, context: Callable[[Path], AbstractContextManager[Path]], number: int
) -> None:
    message = r"no space left while writing .*big\.bin: free some and run"
    with pytest.raises(UserError, match=message):
        fail(context(tmp_path / "big.bin"), OSError(number, os.strerror(number)))
    assert names(tmp_path) == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from safetensors.numpy import save_file
from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_directory

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
try:
    with atomic_directory(Path(sys.argv[1])) as folder:
        save_file({"images": np.zeros(1 << 20, np.uint8)}, folder / "train.safetensors")
except UserError as error:
    print(error)
"""


def test_a_disk_that_fills_up_under_safetensors_is_one_line(tmp_path: Path) -> None:
    # safetensors writes in Rust and reports no OSError; the limit on file sizes stands for the full disk
    path = tmp_path / "mnist"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert done.stdout == f"no space left while writing {path}: free some and run the command again\n"
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write anywhere
    message = r"cannot write .*prepared/mnist: permission denied; make .*prepared a folder that you can write"
    for write in (atomic_path, atomic_directory):
        with pytest.raises(UserError, match=message), write(tmp_path / "prepared" / "mnist"):
            raise AssertionError("the work must not begin")


def test_a_file_in_place_of_a_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("no folder")

    path = tmp_path / "models" / "clean" / "weights"
    with pytest.raises(UserError, match=r"cannot write .*: not a directory"), atomic_path(path):
        pass


def test_errors_about_other_files_pass(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic_path(tmp_path / "out" / "file"):
        raise PermissionError(errno.EACCES, "permission denied", "/somewhere/else")


def test_files_get_the_permissions_of_new_files(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with atomic_path(tmp_path / "one.safetensors") as partial:
        save_file({"x": np.zeros(1)}, partial)
    with atomic_directory(tmp_path / "many") as folder:
        save_file({"x": np.zeros(1)}, folder / "two.safetensors")
    usual = (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "one.safetensors").stat().st_mode == usual
    assert (tmp_path / "many" / "two.safetensors").stat().st_mode == usual
