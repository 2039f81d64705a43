"""What processes that test side by side make once."""

import fcntl
import os


def made_once(tmp_path_factory, name, make):
    """The folder `name`, which the first process that asks for it has `make` fill; the others wait."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    done = folder / f"{name}.done"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder / name)
            done.touch()
    return folder / name
