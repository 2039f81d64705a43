"""Locks between processes: the kernel releases them when a process ends, however it does."""

import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

LOCKS = Path(".friendfoe/locks")


def take(name: str, folder: Path = LOCKS) -> IO[str] | None:
    """Hold the lock of this name until the file that is given back is closed; None where another process holds it.

    The file says who does. On a file system without locks everybody holds them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / name).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        pass
    with suppress(OSError):  # a full disk
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%H:%M:%S')}")
        file.flush()
    return file


def release(file: IO[str]) -> None:
    """Give up a lock, also where forked workers have inherited it."""
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)
    with suppress(OSError):  # what a full disk did not take
        file.close()


def holder(name: str, folder: Path = LOCKS) -> str:
    """Who holds the lock, as far as it is known."""
    return (folder / name).read_text() or "another process"
