"""Several evaluations of the same images side by side: paired over images, by McNemar and by intervals."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from friendfoe.diagnosis.ledger import ACCURACY, OUTCOMES
from friendfoe.diagnosis.result import WORST, Kind, strongest, with_worst, within, worst_case
from friendfoe.diagnosis.unfit import UnfitError
from friendfoe.evaluation import outcomes
from friendfoe.evaluation.intervals import mcnemar, paired_difference, wilson
from friendfoe.evaluation.mce import mean_corruption_error
from friendfoe.report import tables
from friendfoe.report.tables import Table

Verdicts = dict[str, NDArray[np.bool_]]
"""Condition -> which images are right, bool [N]."""

_SAME = ("images", "classes", "norm", "eps")  # what evaluations must agree on


@dataclass(frozen=True)
class Comparison:
    """Evaluations side by side; each is compared with the first.

    Attributes:
        models: names, the first is what the others are compared with.
        rows: condition, model, n, accuracy, low, high, and of all but the first: difference, difference_low,
            difference_high, won and lost (images that it, or the first alone, has right), p (McNemar's, exact).
        by_class: the same rows for each class of the data set (column class) that has images.
        strongest: the condition that says most of robustness: the worst case of the attacks that all were given.
        budget: what all of it rests on, in a line.
        warnings: what spoils the numbers of one of them, a sentence each.
        mce: of every model, in percent, relative to the first; None without corruptions.
    """

    models: list[str]
    rows: pd.DataFrame
    by_class: pd.DataFrame
    strongest: str
    budget: str
    warnings: list[str]
    mce: pd.DataFrame | None

    @property
    def uncorrupted(self) -> pd.DataFrame:
        """The rows but for those of corruptions, which have a table of their own."""
        return self.rows[self.rows["kind"] != Kind.CORRUPTION.value]

    def table(self) -> Table:
        """A row per condition and model."""
        rows = self.uncorrupted
        cells = pd.DataFrame(
            {
                "model": rows["model"].tolist(),
                "accuracy": [within(row) for _, row in rows.iterrows()],
                f"difference from {self.models[0]}": [in_words(row) for _, row in rows.iterrows()],
                "alone right": [_alone(row) for _, row in rows.iterrows()],
                "p": [_p(row["p"]) for _, row in rows.iterrows()],
            },
            index=pd.Index(rows["condition"], name="condition"),
        )
        notes = [
            f"The same {rows['n'].iloc[0]} images: differences are paired, with 95 % intervals (Agresti & Min 2005); "
            f"alone right: images that this model, and the first, alone have right; p: McNemar's exact test, of each "
            f"comparison alone (of {len(rows) - len(rows) // len(self.models)}, divide 0.05 by that)."
        ]
        if self.mce is not None:
            listed = ", ".join(f"{row['model']} {row['mce']:.1f} %" for _, row in self.mce.iterrows())
            notes.append(f"mCE relative to {self.models[0]}: {listed}.")
        return Table("comparison", f"Accuracy, and differences from {self.models[0]}", cells, self.rows, tuple(notes))

    def summary(self) -> str:
        """The table as Markdown, and what spoils it."""
        return "\n".join([tables.markdown(self.table()), *(f"WARNING: {text}" for text in self.warnings)])

    def save(self, folder: Path) -> Path:
        """Write the page and, beside it, comparison.csv, classes.csv and summary.md to a folder; gives the page."""
        from friendfoe.diagnosis.compare_page import write

        return write(self, folder)


def compare(files: Sequence[Path]) -> Comparison:
    """Put evaluations side by side, of what all of them were asked.

    Args:
        files: evaluation.json of each, with its outcomes.npz beside it, or their folders.

    Raises:
        UnfitError: a file is missing or damaged; or they are of other images, classes or sizes of perturbation.
    """
    if len(files) < 2:
        raise UnfitError("--compare needs the evaluation.json of two models or more")
    read = [_read(path) for path in files]
    first, where = read[0][0], files[0]
    for (other, _, _), path in zip(read[1:], files[1:], strict=True):
        for key in _SAME:
            if other[key] != first[key]:
                raise UnfitError(
                    f"{path} and {where} differ in {key}; evaluate both on the same, with the same options"
                )
        shared = other["attacks"].keys() & first["attacks"].keys()
        if differing := sorted(word for word in shared if other["attacks"][word] != first["attacks"][word]):
            raise UnfitError(f"{path} and {where} differ in the settings of {differing[0]}; give both the same")
    names = _unique([str(content["model"]) for content, _, _ in read], files)
    common = [name for name in read[0][1] if all(name in right for _, right, _ in read)]
    known = {row["condition"]: Kind(row["kind"]) for row in first["conditions"]}
    kinds = with_worst({name: known[name] for name in common})  # of the attacks that all were given
    if WORST in kinds:
        for _, right, _ in read:
            right[WORST] = worst_case(right, kinds)
    verdicts = dict(zip(names, (own for _, own, _ in read), strict=True))
    labels, classes = read[0][2], [*map(str, first["classes"])]
    every = np.ones(len(labels), dtype=bool)
    rows = [row for name, kind in kinds.items() for row in _paired(name, kind.value, verdicts, every)]
    by_class = [
        {"class": classes[label], **row}
        for name, kind in kinds.items()
        for label in np.unique(labels)
        for row in _paired(name, kind.value, verdicts, labels == label)
    ]
    table = pd.DataFrame(rows)
    budget = f"the same {len(labels)} images of {len(classes)} classes, {first['norm']} {first['eps']:g}"
    warnings = [text for name, (content, _, _) in zip(names, read, strict=True) for text in _spoilt(name, content)]
    return Comparison(names, table, pd.DataFrame(by_class), strongest(kinds), budget, warnings, _mce(table, names[0]))


def _paired(
    condition: str, kind: str, verdicts: Mapping[str, Verdicts], rows: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """A row per model on some images; all but the first are paired with that."""
    first, *_ = verdicts
    base, found = verdicts[first][condition][rows], []
    for name, right in verdicts.items():
        own = right[condition][rows]
        low, high = (float(end) for end in wilson(int(own.sum()), len(own)))
        row: dict[str, Any] = {"condition": condition, "kind": kind, "model": name, "n": len(own)}
        row |= {"accuracy": own.mean(), "low": low, "high": high}
        if name != first:
            won, lost = int((own & ~base).sum()), int((base & ~own).sum())
            difference, (least, most) = paired_difference(won, lost, len(own))
            row |= {"difference": difference, "difference_low": least, "difference_high": most}
            row |= {"won": won, "lost": lost, "p": mcnemar(won, lost)}
        found.append(row)
    return found


def _spoilt(name: str, content: Mapping[str, Any]) -> list[str]:
    """What spoils the numbers of an evaluation."""
    serious = [f"{name}: {found['text']}" for found in content["findings"] if found["serious"]]
    failed = ", ".join(content["failed_checks"])
    return [
        *serious,
        *([f"{name}: robust accuracies must not be believed, gradient checks fail: {failed}"] * bool(failed)),
    ]


def _read(path: Path) -> tuple[dict[str, Any], Verdicts, NDArray[np.int64]]:
    """The settings of an evaluation, which images are right under each condition, and their labels."""
    path = path if path.suffix == ".json" else path / "evaluation.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = outcomes.read(path.with_name(OUTCOMES))
        right = {key[2]: one.values[0] == 1 for key, one in kept.items() if key[0] == ACCURACY}
        listed = [row["condition"] for row in content["conditions"] if row["condition"] != WORST]
        return content, {name: right[name] for name in listed}, next(iter(kept.values())).labels
    except FileNotFoundError as error:
        raise UnfitError(f"{error.filename} is missing; `friendfoe evaluate` writes it") from None
    except (ValueError, KeyError, TypeError, OSError, StopIteration, zipfile.BadZipFile) as error:
        raise UnfitError(f"{path} is no evaluation, or damaged ({error}); evaluate again") from None


def _unique(names: list[str], files: Sequence[Path]) -> list[str]:
    """The models' names; where two are the same, with the folders that they stand in."""
    if len(set(names)) == len(names):
        return names
    places = [path if path.is_dir() else path.absolute().parent for path in files]
    return [f"{name} ({place.name})" for name, place in zip(names, places, strict=True)]


def _mce(rows: pd.DataFrame, reference: str) -> pd.DataFrame | None:
    corrupted = rows[rows["kind"] == Kind.CORRUPTION.value]
    if corrupted.empty:
        return None
    parts = corrupted["condition"].str.rpartition("-")
    errors = corrupted.assign(
        corruption=parts[0], severity=parts[2].astype(int), replicate=0, error=1 - corrupted["accuracy"]
    )
    try:
        return mean_corruption_error(errors, reference)
    except ValueError:  # the first makes no errors to measure by
        return None


def in_words(row: Any) -> str:
    """The difference of a row with its interval; a dash in those of the first model."""
    if np.isnan(row["difference"]):
        return "–"
    return f"{row['difference']:+.3f} ({row['difference_low']:+.3f} to {row['difference_high']:+.3f})"


def _alone(row: Any) -> str:
    return "–" if np.isnan(row["difference"]) else f"{int(row['won'])} : {int(row['lost'])}"


def _p(value: float) -> str:
    return "–" if np.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
