"""How long stages took when they last ran here."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from friendfoe.runtime.files import atomic_path

FILE = Path(".friendfoe/times.json")
_UNKNOWN = 1.0  # all alike


class Times:
    """Seconds by the name of each stage."""

    def __init__(self) -> None:
        try:
            self._known: dict[str, float] = {
                name: float(value) for name, value in json.loads(FILE.read_bytes()).items()
            }
        except (OSError, ValueError, AttributeError, TypeError):  # none, or damaged: it is of no more use
            self._known = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def of(self, names: Iterable[str]) -> dict[str, float]:
        """How long each probably takes: as the last time, or as others of its kind, or as others."""
        kinds: dict[str, list[float]] = defaultdict(list)
        for name, seconds in self._known.items():
            kinds[_kind(name)].append(seconds)
        mean = fmean(self._known.values()) if self._known else _UNKNOWN
        return {
            name: self._known.get(_stage(name), fmean(kinds[_kind(name)]) if _kind(name) in kinds else mean)
            for name in names
        }

    def remember(self, name: str, seconds: float) -> None:
        """It took so long."""
        self._known[_stage(name)] = round(seconds, 2)
        with atomic_path(FILE) as partial:
            partial.write_text(json.dumps(self._known, indent=0, sort_keys=True) + "\n")


def _stage(name: str) -> str:
    """Without the point of a sweep, which has little to do with it."""
    return name.rpartition(": ")[2]


def _kind(name: str) -> str:
    return _stage(name).partition("@")[0]
