"""What has been run: the table of README, from the committed reports. `python docs/runs.py` writes it there anew."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"
REPORTS = README.parent / "reports"
BEGIN, END = "<!-- runs: docs/runs.py writes them -->", "<!-- end of runs -->"
STUDIES = ("assistive", "fgsm", "distillation", "classwise", "advprop")
HEAD = ("study", "data set", "replicates", "test images", "epochs", "trained in", "✓", "✗", "?")


def table() -> str:
    """A row for each study on each data set that is committed, `digits` first."""
    lines = [HEAD, ("---",) * len(HEAD), *rows()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def rows() -> Iterator[tuple[str, ...]]:
    """The cells of each."""
    for study in STUDIES:
        files = REPORTS.glob(f"*/{study}/study.json")
        for file in sorted(files, key=lambda path: (path.parts[-3] != "digits", path)):
            report = json.loads(file.read_text(encoding="utf-8"))
            page = file.with_name("index.html").relative_to(README.parent)
            yield (f"`{study}`", f"[`{report['data']}`]({page})", *_budget(report["budget"]), *_outcome(report))


def _budget(sentence: str) -> Iterator[str]:
    """Replicates, test images and epochs, from the sentence below every table."""
    for pattern in (r"(\d+|one) replicate", r"(\d+) test images", r"; ([\d /]+) epochs?"):
        found = re.search(pattern, sentence)
        yield found[1] if found else "–"


def _outcome(report: dict[str, Any]) -> tuple[str, ...]:
    """How long training took, and how many claims have which verdict."""
    kinds = Counter(claim["verdict"].split()[0] for claim in report["claims"])
    reproduced = f"{kinds['reproduced']} + {kinds['direction']}" if kinds["direction"] else kinds["reproduced"]
    decided = kinds["reproduced"] + kinds["direction"] + kinds["contradicted"]
    counts = reproduced, kinds["contradicted"], len(report["claims"]) - decided
    if "judged" not in report:
        return "(earlier version)", *(f"({count})" for count in counts)
    models = report["provenance"]["models"].values()
    seconds = sum(model.get("cpu_seconds", 0.0) for model in models if not model.get("gpu"))
    cards = {model["gpu"] for model in models if model.get("gpu")}
    minutes = [f"{max(1, round(seconds / 60))} min"] if seconds or not cards else []
    return ", ".join([*minutes, *sorted(cards)]), *map(str, counts)


def written(readme: str) -> str:
    """README with the table as it is now.

    Raises:
        ValueError: it has no place for it.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no lines '{BEGIN}' and '{END}'")
    return f"{before}{begin}\n\n{table()}\n\n{end}{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
