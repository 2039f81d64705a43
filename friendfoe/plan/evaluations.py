"""Where a committed page of `friendfoe evaluate` comes from, and whether it is of this code."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import friendfoe
from friendfoe.attacks.config import AttackConfig
from friendfoe.plan.fingerprints import fingerprint
from friendfoe.runtime import provenance
from friendfoe.runtime.kinds import kinds

EXAMPLES = Path("docs/examples")
FILE = "evaluation.json"
_ROOT = Path(friendfoe.__file__).parents[1]


@dataclass(frozen=True)
class EvaluationOrigin:
    """Where a committed evaluation comes from.

    Attributes:
        folder: it stands in.
        command: that asked for it.
        code: which code made it, in words.
        current: whether that computes and draws as this code does.
    """

    folder: Path
    command: str
    code: str
    current: bool


def asked_by(words: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The origin of an evaluation with these settings that these words have asked for: command, code, versions."""
    found = {"command": shlex.join(["friendfoe", *words]), "code": code(settings), **provenance.origin()}
    if Path.cwd() != _ROOT:  # the commit would be that of another project
        found["commit"] = None
    return found


def code(settings: Mapping[str, Any]) -> str:
    """The fingerprint of all code that an evaluation with these settings runs, its attacks included."""
    known = kinds(AttackConfig)
    attacks = {known[attack[AttackConfig.tag]].__module__ for attack in settings["attacks"].values()}
    return fingerprint(frozenset({"friendfoe.diagnosis.command", *attacks}), _ROOT)


def evaluations() -> Iterator[EvaluationOrigin]:
    """The origin of every evaluation that is committed as an example."""
    for path in sorted(EXAMPLES.glob(f"*/*/{FILE}")):
        settings = json.loads(path.read_text(encoding="utf-8"))
        origin = settings["origin"]
        made = f"commit {(origin['commit'] or 'unknown')[:10]} of {origin['date'][:10]}"
        yield EvaluationOrigin(path.parent, origin["command"], made, origin["code"] == code(settings))
