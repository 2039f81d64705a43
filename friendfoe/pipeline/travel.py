"""What a stage has made, to DVC's remote and from there into another clone.

`dvc push` leaves out what DVC does not cache (plans, curves, pages), which else travels through Git. Here all goes, in
the way of DVC's run-cache: as a stage that is made of a lock's entry, and whose outputs are all cached.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage, Stage
from dvc.stage.cache import _can_hash, _get_stage_hash
from dvc.stage.serialize import to_single_stage_lockfile
from dvc_objects.fs.generic import copy

from friendfoe.pipeline.one_stage import Entry, turn


@dataclass(frozen=True)
class Results:
    """Of one stage.

    Attributes:
        entry: of its dvc.lock.
        folder: that its paths are relative to, from the root of the project.
        uncached: those of its outputs that DVC does not cache.
    """

    entry: Entry
    folder: str
    uncached: list[str]

    @classmethod
    def of(cls, stage: Stage, entry: Entry | None = None) -> "Results":
        """What a stage has made; by what its lock says, or is to say."""
        folder = Path(stage.wdir).relative_to(stage.repo.root_dir)
        uncached = [out.def_path for out in stage.outs if not out.use_cache]
        return cls(entry or to_single_stage_lockfile(stage), str(folder), uncached)

    def push(self, repo: Repo) -> None:
        """From a project that has them to its remote.

        Raises:
            DvcException: they have changed; or the remote is missing, refuses, or breaks off.
        """
        kept = self._stage(repo)
        with turn(repo):
            for out in kept.outs:
                if out.def_path in self.uncached:
                    with repo.stage_cache._cache_type_copy():
                        out.commit()
        _transfer(repo.cloud.push, kept)

    def pull(self, repo: Repo) -> None:
        """From the remote of a project into it.

        Raises:
            DvcException: the remote is missing, refuses, breaks off, or lacks them.
        """
        kept = self._stage(repo)
        _transfer(repo.cloud.pull, kept)
        with turn(repo):
            for out in kept.outs:  # as files of their own where Git tracks them
                like_git = out.def_path in self.uncached
                with repo.stage_cache._cache_type_copy() if like_git else nullcontext():
                    out.checkout(force=True)

    def paths(self, repo: Repo) -> list[Path]:
        """Where they are in a project."""
        return [Path(repo.root_dir, self.folder, out["path"]).resolve() for out in self.entry.get("outs", ())]

    def _stage(self, repo: Repo) -> PipelineStage:
        return repo.stage_cache._create_stage(self.entry, wdir=str(Path(repo.root_dir, self.folder)))


def check_remote(repo: Repo) -> None:
    """Look whether there is a remote.

    Raises:
        DvcException: none is set, or it is in a bucket that does not exist, which DVC takes for one that is empty.
    """
    storage = repo.cloud.get_remote_odb(None, "push")
    if storage.fs.protocol != "s3":
        return
    bucket = storage.path.partition("/")[0]
    with in_one_error():
        try:
            storage.fs.ls(bucket)  # `exists` says no whatever goes wrong
        except FileNotFoundError:
            url = f"s3://{storage.path.removesuffix('/files/md5')}"
            raise DvcException(f"the remote {url}: there is no bucket {bucket}; make it, or correct the url") from None
        except PermissionError:  # to list it; its files may be allowed
            pass


def save_run(stage: Stage) -> None:
    """Have the run-cache here, which other projects may share, know a run whose results are in their place."""
    if _can_hash(stage):
        with turn(stage.repo):
            stage.repo.stage_cache.save(stage)


def push_run(stage: Stage) -> None:
    """Have the remote's run-cache know a run whose results are there already.

    Raises:
        DvcException: the remote refuses, or breaks off.
    """
    repo: Repo = stage.repo
    cache = repo.stage_cache
    save_run(stage)
    if not _can_hash(stage):
        return
    with in_one_error():
        remote = repo.cloud.get_remote_odb(None, "push --run-cache", hash_name="md5-dos2unix")
        local = repo.cache.legacy
        if remote.fs.protocol not in ("http", "https"):  # where DVC has none
            for path in local.fs.find(cache._get_cache_dir(_get_stage_hash(stage))):
                copy(local.fs, path, remote.fs, remote.fs.join(remote.path, *local.fs.relparts(path, local.path)))


def _transfer(way: Callable[[Any], Any], kept: PipelineStage) -> None:
    with in_one_error():
        for objects in kept.get_used_objs().values():
            failed = way(objects).failed
            if failed:
                name = next(iter(failed)).obj_name or "a file"
                raise DvcException(f"the remote does not give or take {len(failed)} files, such as of {name}")


@contextmanager
def in_one_error() -> Iterator[None]:
    """What storages raise in the block, of which each has its own kinds, as DVC's."""
    try:
        yield
    except DvcException:
        raise
    except Exception as error:
        raise DvcException(f"the remote failed: {type(error).__name__}") from error
