"""Checkpoints of a training run: outside the outputs of its stage, because DVC deletes those before the stage runs."""

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from friendfoe.runtime.files import atomic_path

ROOT = Path(".friendfoe/checkpoints")


class Checkpoint:
    """The last saved state of one run, found again by `key`: everything that the run depends on.

    A run whose data, settings or code have changed has another key, and starts afresh. States are saved at most every
    `FRIENDFOE_CHECKPOINT_SECONDS` (default 20), so that short runs do not spend their time on the disk.
    """

    def __init__(self, *key: str | int) -> None:
        digest = hashlib.sha256("\0".join(map(str, key)).encode()).hexdigest()
        self.path = ROOT / f"{digest[:32]}.pt"
        self.seconds = float(os.environ.get("FRIENDFOE_CHECKPOINT_SECONDS", "20"))
        self.last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The saved state, or None where there is none (an unreadable one is as good as none)."""
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, KeyError):
            return None
        return state

    def due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() - self.last >= self.seconds

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.path) as partial:
            torch.save(state, partial)
        self.last = time.monotonic()

    def remove(self) -> None:
        """Forget the run: it has ended well."""
        self.path.unlink(missing_ok=True)
        if self.path.parent.exists() and not any(self.path.parent.iterdir()):
            shutil.rmtree(self.path.parent, ignore_errors=True)
