"""The claims of all studies on all data sets: as a matrix for the top page, and as files for machines."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from friendfoe.runtime.errors import UserError
from friendfoe.runtime.files import atomic_path

CSV, JSON = "claims.csv", "claims.json"
EARLIER = " Judged by an earlier version: over replicates alone, and not corrected for their number."

NUMBERS = (
    "claim", "above", "below", "threshold", "margin", "mean", "low", "high", "replicates", "images", "p", "published",
)  # fmt: skip

Report = Mapping[str, Any]
"""What `study.json` says."""


def by_study(reports: Mapping[str, Sequence[Report]], root: Path) -> list[dict[str, Any]]:
    """What the top page shows of every study, from the reports of each data set.

    Returns:
        study, title, question; figure: the headline figure and its data set, where there is one; runs: the report by
        data set; claims: by text and data set, with their number there.
    """
    found: dict[str, dict[str, Any]] = {}
    for data, studies in reports.items():
        for study in studies:
            head = {name: study[name] for name in ("study", "title", "question")}
            summary = found.setdefault(study["study"], {**head, "figure": None, "runs": {}, "claims": {}})
            earlier = "" if "judged" in study else EARLIER
            summary["runs"][data] = {**study, "budget": f"{study['budget']}{earlier}"}
            summary["figure"] = summary["figure"] or _headline(study, root / data / study["study"])
            for number, claim in enumerate(study["claims"], 1):
                summary["claims"].setdefault(claim["text"], {})[data] = {**claim, "number": number}
    return list(found.values())


def write_claims(reports: Mapping[str, Sequence[Report]], root: Path) -> None:
    """Write `root/claims.csv` and `root/claims.json`: a row per part of a claim, by study and data set.

    Their columns are those of the studies' own `tables/claims.csv`, after data, study and the place on its page. In
    JSON what is infinite or missing is null. A study without that file is left out: it is being drawn anew.
    """
    places = [(data, study["study"]) for data, studies in reports.items() for study in studies]
    parts = []
    for place in places:
        with suppress(FileNotFoundError):
            parts.append(_claims(root, *place))
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["data", "study", "page"])
    numbers = {name: pd.to_numeric(rows[name], errors="coerce") for name in NUMBERS if name in rows}
    contents = {
        CSV: rows.to_csv(index=False, lineterminator="\n"),
        JSON: rows.assign(**numbers).to_json(orient="records", indent=1, force_ascii=False) + "\n",
    }
    for name, content in contents.items():
        with atomic_path(root / name) as partial:
            partial.write_text(content, encoding="utf-8")


def _headline(study: Report, directory: Path) -> dict[str, Any] | None:
    name = study.get("figure")  # reports of earlier versions name none
    named = (block for block in study["blocks"] if block["kind"] == "figure" and block["name"] == name)
    there = (directory / "figures" / f"{name}.svg").exists()
    return next(({**block, "data": study["data"]} for block in named if there), None)


def _claims(root: Path, data: str, study: str) -> pd.DataFrame:
    path = root / data / study / "tables" / CSV
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        places = f"{data}/{study}/index.html#claim-" + rows["claim"]
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path} is damaged ({error}); delete {root / data / study} and run `dvc repro` again"
        ) from None
    rows.insert(0, "data", data)
    rows.insert(1, "study", study)
    rows.insert(2, "page", places)
    return rows
