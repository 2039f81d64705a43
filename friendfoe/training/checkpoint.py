"""Checkpoints of a training run: outside the outputs of its stage, because DVC deletes those before the stage runs."""

import hashlib
import io
import sys
import time
import zlib
from contextlib import suppress
from typing import IO, Any

import torch

from friendfoe import runtime
from friendfoe.runtime import locks, paths
from friendfoe.runtime.files import atomic_path

KEPT_DAYS = 30  # without a change: its settings no longer exist, or nobody goes on with it


class Checkpoint:
    """The last saved state of one run, found again by `key`: everything that the run depends on.

    A run whose data, settings or code have changed has another key, and starts afresh. States are saved at most every
    `FRIENDFOE_CHECKPOINT_SECONDS` (default 20), so that short runs do not spend their time on the disk. A file ends
    with the CRC-32 of the key and the rest: a damaged one, or one of another run, is as good as none.
    """

    def __init__(self, *key: str | int) -> None:
        digest = hashlib.sha256("\0".join(map(str, key)).encode()).hexdigest()
        self.path = paths.checkpoints() / f"{digest[:32]}.pt"
        self.seconds = runtime.number("FRIENDFOE_CHECKPOINT_SECONDS", 20.0, least=0)
        self.last = time.monotonic()
        self._locks = paths.workspace() / paths.CHECKPOINTS.parent / "locks"
        self._held: IO[str] | None = None

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None where there is none; of a damaged one it is said that it is not used."""
        try:
            content = self.path.read_bytes()
            if len(content) > 4 and self._checksum(content[:-4]) == content[-4:]:
                state: dict[str, Any] = torch.load(io.BytesIO(content[:-4]), map_location="cpu", weights_only=True)
                return state
            problem = "damaged"
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = f"unreadable ({error.strerror})"
        print(f"{self.path}: this checkpoint is {problem}; the training starts afresh", file=sys.stderr, flush=True)
        return None

    def due(self) -> bool:
        """Whether it is time to save again; of two processes with the same run (queued experiments), one saves."""
        return time.monotonic() - self.last >= self.seconds and self._hold()

    def _hold(self) -> bool:
        if self._held is None:
            self._held = locks.take(self.path.stem, self._locks)
        return self._held is not None

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state."""
        content = io.BytesIO()
        torch.save(state, content)
        with atomic_path(self.path) as partial, partial.open("wb") as file:
            file.write(content.getbuffer())
            file.write(self._checksum(content.getbuffer()))
        self.last = time.monotonic()

    def remove(self) -> None:
        """Forget the run, which has ended well, and others of which nothing was heard for `KEPT_DAYS`."""
        self.path.unlink(missing_ok=True)
        (self._locks / self.path.stem).unlink(missing_ok=True)
        with suppress(OSError):  # another run is faster, or goes on
            for path in paths.CHECKPOINTS.rglob("*.pt"):
                if time.time() - path.stat().st_mtime > KEPT_DAYS * 24 * 3600:
                    path.unlink()
            for folder in (self.path.parent, paths.CHECKPOINTS):
                folder.rmdir()

    def __getstate__(self) -> dict[str, Any]:
        """A worker hands it back without the lock, which ends with it."""
        return {**vars(self), "_held": None}

    def _checksum(self, content: bytes | memoryview) -> bytes:
        return zlib.crc32(content, zlib.crc32(self.path.stem.encode())).to_bytes(4, "big")
