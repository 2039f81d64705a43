"""A run that agrees with what is committed leaves the working tree as it is committed: its own files are kept aside.

Reports and locks stand in Git and are outputs of DVC, which writes them in their places; a run on another processor, or
on another day, writes other ones that say the same. Those of a run that agrees go to `.friendfoe/run`, and Git's come
back. The next run begins by taking them in again, so that DVC finds nothing to do; `friendfoe publish` takes them in
for a commit. Where what is committed has changed meanwhile, they are out of date and dropped: DVC's run-cache has what
they were made from.
"""

import json
import shutil
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any

from friendfoe.comparison.git import git
from friendfoe.runtime import paths
from friendfoe.runtime.files import atomic_path

FOLDER = Path(".friendfoe/run")
_COMMITTED = FOLDER / "committed.json"  # hashes of the files that stand in their places


def put_aside(data_sets: Collection[str]) -> None:
    """Keep aside what a run on some data sets has written, and bring back what is committed."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    places = sorted(place for place in _changed() if _is_of(place, data_sets))
    if not places:
        return
    beside = [path for data in data_sets for path in (paths.REPORTS / data).rglob("*") if path.is_file()]
    for place in dict.fromkeys([*places, *beside]):  # pages show figures that are the same, too
        (FOLDER / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(place, FOLDER / place)
    names = "\0".join(map(str, places)).encode()
    git("restore", "--source=HEAD", "--worktree", "--pathspec-from-file=-", "--pathspec-file-nul", given=names)
    with atomic_path(_COMMITTED) as partial:
        partial.write_text(json.dumps({str(place): _hash(place) for place in places}, indent=0) + "\n")


def files() -> dict[Path, Path]:
    """The files that are kept aside, by their places; none where these hold something else than they did."""
    try:
        committed: dict[str, str] = json.loads(_COMMITTED.read_bytes())
    except (OSError, ValueError):  # none, or half
        return {}
    as_then = all(_hash(Path(place)) == known and (FOLDER / place).is_file() for place, known in committed.items())
    return {Path(place): FOLDER / place for place in committed} if as_then else {}


def take_in() -> list[Path]:
    """Bring what is kept aside back into its places; which these are."""
    kept = files()
    for place, path in kept.items():
        path.replace(place)
    shutil.rmtree(FOLDER, ignore_errors=True)
    return [*kept]


def _changed() -> list[Path]:
    """The reports and locks that are committed and stand here otherwise."""
    listed = git(
        "diff", "--name-only", "-z", "--relative", "--diff-filter=M", "HEAD", "--", str(paths.REPORTS), "*dvc.lock"
    )
    return [Path(name) for name in listed.decode().split("\0") if name]


def _is_of(place: Path, data_sets: Collection[str]) -> bool:
    """Whether a run on these data sets alone has written a report, a page above them, or a lock."""
    if place.is_relative_to(paths.REPORTS):
        below = place.relative_to(paths.REPORTS).parts
        return len(below) == 1 or below[0] in data_sets
    before, now = _stages(git("show", f"HEAD:./{place}")), _stages(place.read_bytes())
    changed = (name for name in {*before, *now} if before.get(name) != now.get(name))
    return all(
        "@" not in name or any(f"{name}-".partition("@")[2].startswith(f"{data}-") for data in data_sets)
        for name in changed
    )


def _stages(lock: bytes) -> dict[str, Any]:
    from ruamel.yaml import YAML

    return dict((YAML(typ="safe").load(lock) or {}).get("stages", {}))


def _hash(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
