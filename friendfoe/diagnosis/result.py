"""What a diagnosis has found, as tables, as text, as a picture and as files."""

from collections.abc import Mapping
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
from friendfoe.evaluation.mean_over_classes import WeakestTenth, mean_of_shares, weakest_tenth

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLEAN, WORST = "clean", "worst case"
WEAKEST = 3  # classes that the summary names
FEW = 10  # images of a class below which little follows from them
UNEQUAL = 2  # times as many images as the smallest class has: the mean over classes is shown, too
LEVELS = 32  # of 255, up to which a size is written as their number


class Kind(str, Enum):
    """What a condition does to images."""

    CLEAN = "clean"
    FOE = "attack"
    FRIEND = "help"
    CORRUPTION = "corruption"
    WORST = "worst"


def ends(low: float, high: float) -> str:
    """An interval, such as "0.474–0.714"."""
    return f"{low:.3f}–{high:.3f}"


def within(row: Any) -> str:
    """The accuracy of a row and its interval."""
    return in_words(row["accuracy"], (row["low"], row["high"]))


def strongest(conditions: Mapping[str, Kind]) -> str:
    """The condition that says most of robustness: the worst case, or the only attack, or clean."""
    foes = [name for name, kind in conditions.items() if kind in (Kind.FOE, Kind.WORST)]
    return WORST if WORST in foes else foes[0] if foes else CLEAN


def with_worst(kinds: Mapping[str, Kind]) -> dict[str, Kind]:
    """Conditions in the order of tables: with the worst case of several attacks behind these."""
    foes = [name for name, kind in kinds.items() if kind is Kind.FOE]
    found: dict[str, Kind] = {}
    for name, kind in kinds.items():
        found[name] = kind
        if len(foes) > 1 and name == foes[-1]:
            found[WORST] = Kind.WORST
    return found


def worst_case(right: Mapping[str, NDArray[np.bool_]], kinds: Mapping[str, Kind]) -> NDArray[np.bool_]:
    """Which images are right under every attack, bool [N]."""
    every: NDArray[np.bool_] = np.logical_and.reduce([right[name] for name, kind in kinds.items() if kind is Kind.FOE])
    return every


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
        origin: the command that asked for it, by which code, and with what it was computed; None: from Python.
    """

    ledger: Ledger
    kinds: dict[str, Kind]
    classes: list[str]
    threat: Threat
    findings: tuple[Finding, ...]
    checks: list[Check] | None
    origin: dict[str, Any] | None = None

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
        return with_worst(self.kinds)

    @property
    def strongest(self) -> str:
        """The condition that says most of robustness."""
        return strongest(self.conditions)

    def right(self, condition: str) -> NDArray[np.bool_]:
        """Which images are answered correctly, bool [N]."""
        if condition != WORST:
            return self.ledger.right(condition)
        return worst_case({name: self.ledger.right(name) for name in self.kinds}, self.kinds)

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

    @cached_property
    def counts(self) -> pd.Series:
        """Images of each class that has some, by its name."""
        sizes = pd.Series(np.bincount(self.ledger.labels, minlength=len(self.classes)), index=self.classes)
        return sizes[sizes > 0]

    def weakest(self, count: int = WEAKEST) -> pd.DataFrame:
        """The classes that are surely weak in the worst case: whose interval ends lowest, with that interval.

        So two images that are both wrong do not make a class weaker than sixty of which three are right.
        """
        rows = self.table[(self.table["condition"] == self.strongest) & (self.table["class"] != "")]
        return rows[rows["n"] > 0].sort_values("high", kind="stable").head(count)

    def over_classes(self, condition: str) -> tuple[float, tuple[float, float]]:
        """The mean of the accuracies of the classes, each as much as the others, with its interval."""
        rows = self.table[(self.table["condition"] == condition) & (self.table["class"] != "")]
        return mean_of_shares(rows["correct"], rows["n"])

    @property
    def unequal(self) -> bool:
        """Whether classes have so unequal numbers of images that their mean is another one than that of images."""
        return bool(self.counts.max() >= UNEQUAL * self.counts.min())

    @cached_property
    def weakest_tenth(self) -> WeakestTenth | None:
        """Of the classes, in the worst case."""
        return weakest_tenth(self.right(self.strongest), self.ledger.labels)

    def about_classes(self) -> list[str]:
        """What must be known of the weakest classes, a sentence each."""
        lowest, every = self.weakest(), self.weakest(len(self.classes))
        said = []
        if ties := int((every["high"].iloc[len(lowest) :] == lowest["high"].iloc[-1]).sum()):
            said.append(f"{ties} more {'class is' if ties == 1 else 'classes are'} as weak as the last of these.")
        if tenth := self.weakest_tenth:
            said.append(
                f"The weakest tenth, {tenth.classes} of {len(self.counts)} classes: {tenth.chosen:.3f} on the images "
                f"that they are chosen by; chosen by half of these, {in_words(tenth.elsewhere, tenth.interval)} on the "
                "other half. The truth is expected between the two."
            )
        few = self.counts[self.counts < FEW]
        if len(few):
            named = ", ".join(f"{name} {size}" for name, size in few.head(5).items()) + " and others" * (len(few) > 5)
            said.append(f"Fewer than {FEW} images, from which little follows: {named}.")
        return said

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
            f"| condition | accuracy | 95 % interval |{' mean over classes |' * self.unequal}",
            f"| --- | ---: | ---: |{' ---: |' * self.unequal}",
        ]
        for condition, row in self.overall.iterrows():
            if row["kind"] != Kind.CORRUPTION.value:
                means = f" {in_words(*self.over_classes(str(condition)))} |" if self.unequal else ""
                lines.append(f"| {condition} | {row['accuracy']:.3f} | {ends(row['low'], row['high'])} |{means}")
        if (error := self.corruption_error) is not None:
            lines.append(f"| corruptions, the mean | {1 - error:.3f} | |{' |' * self.unequal}")
        weakest = ", ".join(
            f"{row['class']} {row['accuracy']:.3f} ({ends(row['low'], row['high'])}; {row['correct']} of {row['n']})"
            for _, row in self.weakest().iterrows()
        )
        lines += ["", f"Weakest classes ({self.strongest}): {weakest}", *self.about_classes()]
        if self.checks is not None:
            failed = "; ".join(f"{check.name} ({check.reason})" for check in self.failed)
            run = sum(check.made for check in self.checks)
            said = (
                f"robust accuracies must not be believed, {len(self.failed)} of {run} fail: {failed}"
                if failed
                else f"none of {run} fails"
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
            **({"origin": self.origin} if self.origin else {}),
        }


def in_words(share: float, interval: tuple[float, float]) -> str:
    """Such as "0.600 (0.474–0.714)"."""
    return f"{share:.3f} ({ends(*interval)})"
