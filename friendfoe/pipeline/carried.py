"""Checkpoints of a stage's trainings in DVC's remote, while a node runs the stage: another one can go on from there."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo

from friendfoe.pipeline.travel import in_one_error
from friendfoe.runtime import paths
from friendfoe.runtime.progress import NOTE

_REMOTE = "checkpoints"  # beside DVC's own files and runs
_TICK = 1.0  # seconds between looks at the folder
_SHARE = 5  # of the time, at most one such part goes into a remote that is slow


class Carried:
    """The checkpoints of one stage.

    Args:
        repo: with the remote.
        what: the stage and all that it depends on; from another state of these nothing is taken up.
    """

    def __init__(self, repo: Repo, what: Any) -> None:
        key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]
        self.folder = Path(repo.root_dir, paths.CHECKPOINTS, key)
        storage = repo.cloud.get_remote_odb(None, "push", hash_name="md5-dos2unix")
        self._fs, self._there = storage.fs, storage.fs.join(storage.path, _REMOTE, key)
        self._seen: dict[str, int] = {}

    def bring(self) -> None:
        """Take over what an earlier attempt has left in the remote, which may be ahead of what is here."""
        with in_one_error():
            found = [*self._fs.find(self._there)] if self._fs.exists(self._there) else []
            for path in found:
                here = self.folder / self._fs.name(path)
                here.parent.mkdir(parents=True, exist_ok=True)
                self._fs.get_file(path, str(partial := here.with_suffix(".partial")))
                partial.rename(here)
                self._seen[here.name] = here.stat().st_mtime_ns

    @contextmanager
    def sending(self) -> Iterator[None]:
        """While in the block, have trainings save here, and send what they save."""
        os.environ[paths.CHECKPOINTS_OF_A_STAGE] = str(self.folder)
        end = threading.Event()
        thread = threading.Thread(target=self._send, args=(end,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
            del os.environ[paths.CHECKPOINTS_OF_A_STAGE]

    def remove(self) -> None:
        """Forget them: the stage is done, whatever the remote says to this."""
        with suppress(DvcException), in_one_error():
            if self._fs.exists(self._there):
                self._fs.rm(self._there, recursive=True)

    def _send(self, end: threading.Event) -> None:
        rest = _TICK
        while not end.wait(rest):
            began, rest = time.monotonic(), _TICK
            try:
                self._send_new()
            except Exception as error:  # storages have kinds of their own; the training does without
                print(f"{NOTE}the remote does not take checkpoints: {type(error).__name__}", flush=True)
                return
            rest = max(_TICK, (_SHARE - 1) * (time.monotonic() - began))

    def _send_new(self) -> None:
        for path in self.folder.glob("*.pt"):
            with suppress(FileNotFoundError):  # that training has ended
                time_of = path.stat().st_mtime_ns
                if self._seen.get(path.name) != time_of:
                    self._fs.makedirs(self._there, exist_ok=True)
                    self._fs.put_file(str(path), self._fs.join(self._there, path.name))
                    self._seen[path.name] = time_of
