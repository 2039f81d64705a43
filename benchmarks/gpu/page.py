"""The results as a page: `python -m benchmarks.gpu.page FOLDER` prints it, from the JSON of each section."""

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.gpu import record
from benchmarks.gpu.record import Record
from benchmarks.gpu.setting import Row

if TYPE_CHECKING:
    from benchmarks.gpu.run import Section

ABOUT = """\
# On a GPU: what was measured

`make gpu` writes this page: one command, a few minutes, a JSON per section ([what it uses](../docs/gpu.md)).

{origin}
"""
NOTHING = "Nothing has been measured: there is no result of any section.\n"
GOALS = (
    ("CIFAR-10, PGD-7, PreActResNet-18, bfloat16: seconds of an epoch", "cifar10", "an epoch"),
    ("the same: epochs that fitted into the time", "cifar10", "epochs"),
    ("the same: minutes of training", "cifar10", "training"),
    ("the same: accuracy under PGD-20 on the test images, %", "cifar10", "accuracy, under PGD-20"),
)
EVALUATION = "PGD-20, robust accuracy"
STRENGTH = 0.005  # robust accuracies that are no farther apart are of attacks of equal strength


def page(out: Path, sections: "Sequence[Section]") -> str:
    """The page of what a folder holds; a section without a file was not reached."""
    records = {section.name: record.read(out, section.name) for section in sections}
    there = {name: of for name, of in records.items() if of is not None}
    origins = [of.origin for of in there.values() if of.origin]
    text = ABOUT.format(origin=_origin(origins[-1]) if origins else NOTHING.rstrip())
    text += _summary(there)
    for section in sections:
        text += f"\n## {section.title}\n\n{_state(records[section.name], section.seconds)}\n"
        of = records[section.name]
        if of and of.rows:
            text += "\n" + TABLES.get(section.name, table)(of.rows)
    return text


def _origin(origin: dict[str, Any]) -> str:
    names = ("torch", "torchvision", "numpy", "python")
    versions = ", ".join(f"{name} {origin[name]}" for name in names if origin.get(name))
    card = origin.get("gpu") or "no GPU: these numbers say nothing of speed"
    processor = f"{origin.get('processor')}, {origin.get('cores')} cores"
    commit = str(origin.get("commit") or "unknown")[:12]
    return f"{card}; {processor}; {versions}; commit {commit}; {str(origin.get('date', ''))[:10]}."


def _state(of: Record | None, budget: float) -> str:
    if of is None:
        return "Not reached."
    why = f": {of.why}" if of.why else ""
    state = "cut off: the run was killed" if of.state == record.RUNNING else of.state
    return f"{state.capitalize()}{why}; {of.seconds:.0f} s of the {budget:.0f} that are set aside."


def _summary(records: dict[str, Record]) -> str:
    """The goals, and what was measured of them."""
    rows: list[Row] = []
    for title, section, what in GOALS:
        value = next((row["value"] for row in _rows(records, section) if row.get("what") == what), None)
        rows.append({"": title, "measured": "not reached" if value is None else value})
    for network, ratio, why in _ratios(_rows(records, "attacks")):
        rows.append({"": f"robust accuracy by PGD-20, {network}: times as fast as {why}", "measured": ratio})
    for data in ("digits", "fashion_mnist"):
        stages = [row for row in _rows(records, "studies") if row["data"] == data]
        ran = [row for row in stages if "seconds" in row]
        missing = sum(row["state"] != "ok" for row in stages)
        together = sum(row.get("together", 0) for row in stages)
        said = f"{together:.0f}" + f", and {missing} lines below that are not ok" * bool(missing)
        rows.append(
            {"": f"studies of {data}: seconds of {len(ran)} stages", "measured": said if ran else "not reached"}
        )
    return "\n" + table(rows)


def _rows(records: dict[str, Record], section: str) -> list[Row]:
    return records[section].rows if section in records else []


def _ratios(rows: Sequence[Row]) -> Iterator[tuple[str, str, str]]:
    """Of each network: how many times as many images a second, each library at its best batch, as the fastest other.

    Others count whose attack is as strong: its robust accuracy is no higher than ours by more than `STRENGTH`.
    """
    races = [row for row in rows if row["attack"] == EVALUATION and "images/s" in row]
    for network in dict.fromkeys(row["network"] for row in races):
        best: dict[str, Row] = {}
        for row in races:
            if row["network"] == network and row["images/s"] > best.get(row["library"], {"images/s": 0})["images/s"]:
                best[row["library"]] = row
        own = best.get("friendfoe")
        others = {
            name: row
            for name, row in best.items()
            if own and not name.startswith("friendfoe") and row["robust accuracy"] <= _like(races, row) + STRENGTH
        }
        if own and others:
            fastest = max(others, key=lambda name: others[name]["images/s"])
            yield network, f"{own['images/s'] / others[fastest]['images/s']:.2f}", fastest


def _like(races: Sequence[Row], row: Row) -> float:
    """What ours leaves standing of the same images."""
    same = (r for r in races if r["library"] == "friendfoe" and r["network"] == row["network"])
    return next((float(r["robust accuracy"]) for r in same if r["batch"] == row["batch"]), 0.0)


def table(rows: Sequence[Row]) -> str:
    """Rows as they are; a column for each key, in the order in which they occur."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns), *([_cell(row.get(key)) for key in columns] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _attacks(rows: Sequence[Row]) -> str:
    """A table for each attack: a line for each network and batch, images a second of each library."""
    text = ""
    for attack in dict.fromkeys(row["attack"] for row in rows):
        of = [row for row in rows if row["attack"] == attack]
        lines: dict[tuple[str, int], Row] = {}
        for row in of:
            line = lines.setdefault((row["network"], row["batch"]), {"network": row["network"], "batch": row["batch"]})
            line[row["library"]] = _result(row)
        text += f"{attack}: images a second (robust accuracy{', mean distance' * ('mean distance' in of[0])}).\n\n"
        text += table([*lines.values()]) + "\n"
    return text.rstrip("\n") + "\n"


def _result(row: Row) -> str:
    if "images/s" not in row:
        return str(row["state"])
    reached = [f"{100 * row['robust accuracy']:.2f} %"]
    reached += [f"{row['mean distance']:.3f}"] if "mean distance" in row else []
    return f"{_cell(float(row['images/s']))} ({', '.join(reached)})"


def _studies(rows: Sequence[Row]) -> str:
    """A line for each study on each data set, its stages' seconds added up, and one for each stage that is not ok."""
    lines: dict[tuple[str, str], Row] = {}
    for row in rows:
        study = row["stage"].split()[0] if "seconds" in row else "left out"
        if "seconds" in row:
            line = lines.setdefault(
                (row["data"], study), {"data": row["data"], "study": study, "stages": 0, "seconds": 0.0}
            )
            line["stages"] += 1
            line["seconds"] = round(line["seconds"] + row["seconds"], 2)
    failed = [row for row in rows if row["state"] != "ok"]
    return table([*lines.values()]) + ("\n" + table(failed) if failed else "")


def _equality(rows: Sequence[Row]) -> str:
    """A table for each kind of measurement."""
    return "\n".join(table([*group]) for _, group in groupby(rows, key=list))


TABLES = {"attacks": _attacks, "studies": _studies, "equality": _equality}


if __name__ == "__main__":
    from benchmarks.gpu.__main__ import SECTIONS

    print(page(Path(sys.argv[1]), SECTIONS), end="")
