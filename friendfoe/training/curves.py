"""Training curves on the disk while training goes on, for `dvc plots` and `dvc metrics`."""

import csv
import json
import time
from pathlib import Path

from friendfoe.runtime.files import atomic_path
from friendfoe.training.loop import EpochMetrics

SECONDS = 2.0  # between two writes: short epochs are not to spend their time on the disk


class Curves:
    """The curves of all replicates: `path` as TSV, a row per replicate and epoch, and the last ones' means as JSON.

    Args:
        path: the TSV file; the JSON file stands beside it. None: write nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.curves: dict[int, list[EpochMetrics]] = {}
        self.last = 0.0

    def update(self, replicate: int, history: list[EpochMetrics]) -> int:
        """Take over the curve of a replicate so far, and write it unless that was done a moment ago; its new epochs."""
        new = len(history) - len(self.curves.get(replicate, ()))
        self.curves[replicate] = history
        if time.monotonic() - self.last >= SECONDS:
            self.write()
        return new

    def write(self) -> None:
        """Write both files."""
        self.last = time.monotonic()
        if self.path is None:
            return
        rows = [{"replicate": number, **row} for number, curve in sorted(self.curves.items()) for row in curve]
        with atomic_path(self.path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
        last = [curve[-1] for _, curve in sorted(self.curves.items())]
        metrics = {key: sum(row[key] for row in last) / len(last) for key in last[0]}
        with atomic_path(self.path.with_suffix(".json")) as partial:
            partial.write_text(json.dumps(metrics, indent=2) + "\n")
