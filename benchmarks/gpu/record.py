"""What is known of a section, as OUT/SECTION.json: whole at every moment, however the run ends."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu.setting import Row
from friendfoe.runtime.files import atomic_path

RUNNING, DONE, FAILED, SKIPPED, CUT = "running", "done", "failed", "skipped", "cut off"


@dataclass
class Record:
    """A section and its rows.

    Args:
        section: its name.
        budget: seconds that were set aside for it.
        state: RUNNING also where the whole run was killed meanwhile.
        seconds: that it took.
        why: it was skipped or cut off, or has failed.
        origin: commit, versions, processor, card, date.
    """

    section: str
    budget: float
    state: str = RUNNING
    seconds: float = 0.0
    why: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def end(self, state: str, seconds: float, why: str = "") -> None:
        self.state, self.seconds, self.why = state, round(seconds, 1), why

    def write(self, out: Path) -> None:
        with atomic_path(out / f"{self.section}.json") as partial:
            partial.write_text(json.dumps(asdict(self), indent=1) + "\n")


def read(out: Path, section: str) -> Record | None:
    """What there is of a section; None where it was not reached."""
    file = out / f"{section}.json"
    return Record(**json.loads(file.read_text())) if file.exists() else None
