"""What a diagnosis has found, as tables, as text, as a picture and as files."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from friendfoe.attacks.threat import Threat
from friendfoe.diagnosis.checks import Check
from friendfoe.diagnosis.guards import Finding
from friendfoe.diagnosis.ledger import Ledger
from friendfoe.evaluation.intervals import wilson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLEAN, WORST = "clean", "worst case"
WEAKEST = 3  # classes that the summary names
LEVELS = 32  # of 255, up to which a size is written as their number


class Kind(str, Enum):
    """What a condition does to images."""

    CLEAN = "clean"
    FOE = "attack"
    FRIEND = "help"
    CORRUPTION = "corruption"
    WORST = "worst"


@dataclass(frozen=True)
class Diagnosis:
    """Every image's answers under every condition, and what was noticed.

    Attributes:
        ledger: the answers.
        kinds: condition -> what it does.
        classes: names in the order of the labels.
        threat: of the attacks.
        findings: what spoils the numbers, or had to be made up for.
        checks: of the gradients; None where there were none.
    """

    ledger: Ledger
    kinds: dict[str, Kind]
    classes: list[str]
    threat: Threat
    findings: tuple[Finding, ...]
    checks: list[Check] | None

    @property
    def name(self) -> str:
        """The model's."""
        return str(self.ledger.settings["model"])

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """A row per image: sample, label, and under every condition whether it is right, bool."""
        right = {condition: self.right(condition) for condition in self.conditions}
        return pd.DataFrame({"sample": self.ledger.samples, "label": self.ledger.labels, **right})

    @property
    def conditions(self) -> dict[str, Kind]:
        """Condition -> what it does, in the order of tables: with the worst case of several attacks behind these."""
        foes = [condition for condition, kind in self.kinds.items() if kind is Kind.FOE]
        if len(foes) < 2:
            return self.kinds
        found: dict[str, Kind] = {}
        for condition, kind in self.kinds.items():
            found[condition] = kind
            if condition == foes[-1]:
                found[WORST] = Kind.WORST
        return found

    @property
    def strongest(self) -> str:
        """The condition that says most of robustness: the worst case, or the only attack, or clean."""
        foes = [condition for condition, kind in self.conditions.items() if kind in (Kind.FOE, Kind.WORST)]
        return WORST if WORST in foes else foes[0] if foes else CLEAN

    def right(self, condition: str) -> NDArray[np.bool_]:
        """Which images are answered correctly, bool [N]."""
        if condition != WORST:
            return self.ledger.right(condition)
        foes = [name for name, kind in self.kinds.items() if kind is Kind.FOE]
        right: NDArray[np.bool_] = np.logical_and.reduce([self.ledger.right(name) for name in foes])
        return right

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tidy accuracies: condition, kind, class ("" for all), n, correct, accuracy, low, high (Wilson's, 95 %)."""
        rows = []
        for condition, kind in self.conditions.items():
            right = self.right(condition)
            rows.append((condition, kind.value, "", len(right), int(right.sum())))
            for label, name in enumerate(self.classes):
                own = right[self.ledger.labels == label]
                rows.append((condition, kind.value, name, len(own), int(own.sum())))
        table = pd.DataFrame(rows, columns=["condition", "kind", "class", "n", "correct"])
        low, high = wilson(table["correct"].to_numpy(), table["n"].to_numpy())
        accuracy = (table["correct"] / table["n"].where(table["n"] > 0)).astype(float)
        return table.assign(accuracy=accuracy, low=low, high=high)

    @cached_property
    def by_class(self) -> pd.DataFrame:
        """Accuracy, a row per class with images and a column per condition; that of a class without images is nan."""
        rows = self.table[self.table["class"] != ""]
        wide = rows.pivot(index="class", columns="condition", values="accuracy")
        return wide.reindex(index=self.classes, columns=[*self.conditions])

    @property
    def overall(self) -> pd.DataFrame:
        """Of all images: a row per condition, with accuracy, low and high."""
        return self.table[self.table["class"] == ""].set_index("condition")

    def weakest(self, count: int = WEAKEST) -> pd.DataFrame:
        """The classes with the lowest accuracy in the worst case, with their intervals."""
        rows = self.table[(self.table["condition"] == self.strongest) & (self.table["class"] != "")]
        return rows[rows["n"] > 0].sort_values("accuracy", kind="stable").head(count)

    @property
    def failed(self) -> list[Check]:
        """The gradient checks that say that robust accuracies must not be believed."""
        return [check for check in self.checks or [] if check.failed]

    @property
    def corruption_error(self) -> float | None:
        """The mean error over corruptions and severities; None where there were none."""
        rows = [condition for condition, kind in self.kinds.items() if kind is Kind.CORRUPTION]
        return float(np.mean([1 - self.right(row).mean() for row in rows])) if rows else None

    @property
    def budget(self) -> str:
        """The threat and what the numbers rest on, in a line."""
        levels = self.threat.eps * 255
        usual = self.threat.norm == "linf" and abs(levels - round(levels)) < 1e-3 and 1 <= round(levels) <= LEVELS
        eps = f"{round(levels)}/255" if usual else f"{self.threat.eps:g}"
        return (
            f"{len(self.ledger.labels)} images of {len(self.classes)} classes, {self.threat.norm} {eps}, "
            f"seed {self.ledger.settings['seed']}"
        )

    def summary(self) -> str:
        """What matters, as Markdown: accuracies with intervals, the weakest classes, what fails, what was noticed."""
        lines = [
            f"**{self.name}**: {self.budget}",
            "",
            "| condition | accuracy | 95 % interval |",
            "| --- | ---: | ---: |",
        ]
        for condition, row in self.overall.iterrows():
            if row["kind"] != Kind.CORRUPTION.value:
                lines.append(f"| {condition} | {row['accuracy']:.3f} | {row['low']:.3f}–{row['high']:.3f} |")
        if (error := self.corruption_error) is not None:
            lines.append(f"| corruptions, the mean | {1 - error:.3f} | |")
        weakest = ", ".join(
            f"{row['class']} {row['accuracy']:.3f} ({row['low']:.3f}–{row['high']:.3f})"
            for _, row in self.weakest().iterrows()
        )
        lines += ["", f"Weakest classes ({self.strongest}): {weakest}"]
        if self.checks is not None:
            failed = ", ".join(check.name for check in self.failed)
            run = sum(check.made for check in self.checks)
            said = (
                f"robust accuracies must not be believed: {failed} fail, of {run}" if failed else f"none of {run} fails"
            )
            lines.append(f"Gradient checks: {said}")
        lines += [f"{'WARNING' if one.serious else 'note'}: {one.text}" for one in self.findings]
        return "\n".join(lines)

    def plot(self) -> "Figure":
        """The heat map of classes and conditions, as a matplotlib Figure."""
        from friendfoe.diagnosis.page import heat_map
        from friendfoe.report.figures import style

        with style():
            return heat_map(self)

    def save(self, folder: Path | str) -> Path:
        """Write the page and what it rests on (results.csv, verdicts.csv, summary.md, evaluation.json) to a folder.

        Returns:
            The page.
        """
        from friendfoe.diagnosis.page import write

        return write(self, Path(folder))

    def __repr__(self) -> str:
        """The summary, as a notebook shows it."""
        return self.summary()

    def _repr_markdown_(self) -> str:
        return self.summary()

    def as_json(self) -> dict[str, Any]:
        """What `friendfoe evaluate --compare` reads, beside the outcomes."""
        columns = ["condition", "kind", "n", "correct", "accuracy", "low", "high"]
        return {
            **self.ledger.settings,
            "conditions": self.overall.reset_index()[columns].to_dict("records"),
            "weakest": self.weakest()["class"].tolist(),
            "findings": [{"name": one.name, "text": one.text, "serious": one.serious} for one in self.findings],
            "failed_checks": [check.name for check in self.failed],
        }
