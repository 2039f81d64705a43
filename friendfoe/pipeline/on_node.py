"""In the clone of a node: bring one stage up to date, with what it needs from DVC's remote, and push what it makes.

    python -m friendfoe.pipeline.on_node ANSWER < REQUEST

Both are JSON; the request is a line, and the end of the input ends this process and all that it has started.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import Stage

from friendfoe.pipeline import needs
from friendfoe.pipeline.carried import Carried
from friendfoe.pipeline.one_stage import Entry, Interrupted, Outcome, reproduce
from friendfoe.pipeline.side_by_side import in_one_line, speak
from friendfoe.pipeline.travel import Results, push_run
from friendfoe.runtime.errors import UserError


def request(stage: Stage, upstream: Sequence[Stage], options: dict[str, Any]) -> dict[str, Any]:
    """What a node has to know of a stage.

    Args:
        stage: whose dependencies are as they are to be.
        upstream: the stages whose outputs it reads.
        options: of `dvc.stage.Stage.reproduce`.
    """
    return {
        "stage": [stage.path_in_repo, stage.name],
        "upstream": [vars(Results.of(each)) for each in upstream],
        "dependencies": dependencies(stage),
        "options": options,
    }


def dependencies(stage: Stage) -> dict[str, str]:
    """The hashes of what a stage depends on, as it is here; without params."""
    found = {}
    for dep in stage.deps:
        if dep.def_path and not getattr(dep, "params", None):
            found[dep.def_path] = dep.get_hash().value if dep.exists else ""
    return found


def answer(asked: dict[str, Any], is_interrupted: Callable[[], bool]) -> dict[str, Any]:
    """Do what a request asks for; what became of it, and what the stage's dvc.lock is to say where that is good."""
    try:
        outcome, entry = _bring_up_to_date(asked, is_interrupted)
        return {"outcome": outcome, "entry": entry}
    except (DvcException, UserError, OSError) as error:
        why = in_one_line(error)
        try:
            needs.check_disks()
        except UserError as full:
            why = str(full)
        print(why)
    except Interrupted:
        pass
    return {"outcome": "failed"}


def _bring_up_to_date(asked: dict[str, Any], is_interrupted: Callable[[], bool]) -> tuple[Outcome, Entry]:
    needs.check_disks()
    repo = Repo(_wait_for_lock=True)
    path, name = asked["stage"]
    stage = repo.stage.load_one(path, name)
    upstream = [Results(**each) for each in asked["upstream"]]
    for each in upstream:
        each.pull(repo)
    _remove_strangers(stage, upstream)
    here = dependencies(stage)
    other = [path for path, value in asked["dependencies"].items() if here.get(path) != value]
    if other:
        raise UserError(
            f"{other[0]} is not the same on this node: what neither Git nor a stage of DVC makes does not travel; "
            "remove it, or add it to Git"
        )
    carried = Carried(repo, [asked["stage"], asked["dependencies"]])
    carried.bring()
    with carried.sending():
        outcome, _ = reproduce(stage, [], lambda: None, is_interrupted, **asked["options"])
    results = Results.of(stage)
    results.push(repo)
    push_run(stage)
    carried.remove()
    return outcome, results.entry


def _remove_strangers(stage: Stage, upstream: Sequence[Results]) -> None:
    """What earlier runs have left in folders that a stage reads as a whole."""
    made = [path for each in upstream for path in each.paths(stage.repo)]
    for dep in stage.deps:
        folder = Path(dep.fs_path)
        if not any(folder in path.parents for path in made):
            continue
        listed = subprocess.run(("git", "ls-files", "-z", "--", folder), capture_output=True, check=True).stdout
        known = {Path(name).resolve() for name in listed.decode().split("\0") if name}
        for path in folder.rglob("*"):
            if path.is_file() and path not in known and not any(path.is_relative_to(each) for each in made):
                path.unlink()


def _end_with_input() -> None:
    """Have a process of its own end all when the input ends: Ray kills this one alone, with its worker."""
    group = os.getpgrp()
    if os.fork():
        return
    os.setsid()
    os.read(0, 1)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    os._exit(0)


def main() -> None:
    """Answer one request."""
    line = b""
    while not line.endswith(b"\n"):  # without a buffer, which would hold what tells of the end
        line += os.read(0, 1 << 16) or b"\n"
    _end_with_input()
    interrupted: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the command; what DVC writes, it writes to its end
        signal.signal(number, lambda number, frame: interrupted.append(number))
    speak()
    found = answer(json.loads(line), lambda: bool(interrupted))
    Path(sys.argv[1]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
