"""The gradient checks of a study: a section of its page, and a mark beside every number that rests on a failed one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pandas as pd

from friendfoe.evaluation.check_results import METRIC, Outcome
from friendfoe.evaluation.outcomes import Key, Outcomes
from friendfoe.report.tables import Estimated, Table
from friendfoe.studies.claims import Judgement
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.tables import table

MARK = "†"
SHOWN = {  # attacks whose accuracy the page shows, in this order
    "clean": "clean images",
    "the reported attack": "reported attack",
    "one step": "FGSM",
    "PGD": "PGD",
    "more steps": "PGD, more steps",
    "more restarts": "PGD, more restarts",
    "targeted APGD": "with APGD, targeted",
    "transferred images": "transfer",
    "all attacks with gradients": "all with gradients",
    "Square": "with Square",
    "the worst case": "worst case",
}
CONFIDENCE = ("confidence", "confidence-wrong")
"""Metrics that do not say how many images withstand an attack."""
QUESTION = (
    "A robust accuracy is only as good as the attack behind it. Each check compares attacks on the same images: if "
    "images fall to the weaker one and withstand the stronger one, the stronger one fails for reasons of its own, and "
    f"what it leaves standing is not robustness. Numbers that rest on a model with a failed check are marked {MARK}. "
    "docs/gradient-masking.md explains each check."
)


@dataclass(frozen=True)
class GradientChecks:
    """The checks of all models of a study that have been checked.

    Attributes:
        rows: a row per number of every check, with the columns of `friendfoe.evaluation.check_results.COLUMNS`.
        outcomes: which images withstand which attack, under ("withstands", model, attack).
    """

    rows: pd.DataFrame
    outcomes: Mapping[Key, Outcomes]

    @property
    def models(self) -> list[str]:
        """The models, MODEL/VARIANT where there are variants."""
        return [str(model) for model in self.rows["model"].unique()]

    def titles(self, names: Mapping[str, str]) -> dict[str, str]:
        """What tables call the models -> the models."""
        return {_title(model, names): model for model in self.models}

    def failures(self, model: str) -> dict[str, str]:
        """The checks that a model, or a variant of it, has failed, and how often."""
        each = self._of(model).drop_duplicates(["model", "replicate", "check"])
        failed = each["outcome"] == Outcome.FAILED.value
        counts = failed.groupby(each["check"], sort=False).agg(["sum", "size"])
        found = counts[counts["sum"] > 0]
        return {str(check): f"{row['sum']} of {row['size']}" for check, row in found.iterrows()}

    def _of(self, model: str) -> pd.DataFrame:
        """The rows of a model and its variants."""
        return self.rows[(self.rows["model"] == model) | self.rows["model"].str.startswith(f"{model}/")]

    def table(self, names: Mapping[str, str]) -> Table:
        """Every check (rows) of every model (columns, by its name): in how many replicates it was passed."""
        each = self.rows.drop_duplicates(["model", "replicate", "check"])
        checks = each["check"].unique()
        counted = {key: _counted(rows) for key, rows in each.groupby(["model", "check"])["outcome"]}
        cells = {
            _title(model, names): [counted.get((model, check), Outcome.NOT_RUN.value) for check in checks]
            for model in self.models
        }
        images = int(each["n"].max())
        reasons = {
            f"{_title(str(row['model']), names)}, {row['check']}: {row['reason']}."
            for _, row in each[each["outcome"] == Outcome.NOT_RUN.value].iterrows()
        }
        about = (
            f"Passed of those that could be run, per replicate; {images} test images. A check fails where more than "
            f"{self._margin:.0%} of the images are on the wrong side, beyond chance (the lower end of the 90 % Wilson "
            "interval); open: more than that, but so few images may show it by chance; the CSV has what was measured.",
            *sorted(reasons),
        )
        questions = each.drop_duplicates("check").set_index("check")["question"]
        headings = [f"{check}: {questions[check]}" for check in checks]
        return table("check", headings, cells, self.rows, *about, caption="Gradient checks passed")

    def accuracies(self, names: Mapping[str, str]) -> Table:
        """The accuracy that each attack leaves, and the worst case over all of them, image by image."""
        estimates = Evidence(self.outcomes).estimates(METRIC)
        attacks = [attack for attack in SHOWN if attack in estimates.index.unique("condition")]
        cells = {SHOWN[attack]: [cell(estimates, model, attack) for model in self.models] for attack in attacks}
        shown = [(model, attack) for model in self.models for attack in attacks if (model, attack) in estimates.index]
        data = estimates.loc[shown].reset_index().rename(columns={"condition": "attack", "n": "images"})
        about = (
            "The attacks of the checks, as crafted; more steps, restarts, targets and Square are tried on what is left "
            "by those before, so that each stands for the worst of both. 95 % intervals over replicates and images."
        )
        headings, caption = self.titles(names), "Accuracy under the attacks of the gradient checks"
        return table("model", headings, cells, data, about, caption=caption)

    def marked(self, table: Table, models: Mapping[str, str], under: Collection[str] = ()) -> Table:
        """The table with a mark beside numbers that rest on a model which has failed a check, and the check below.

        Args:
            table: rows and columns may have models and attacks for headings.
            models: heading of a row or column (any of its levels) -> model; "" stands for the whole table.
            under: headings of numbers that are taken under attack; where none is given, all are.
        """
        notes = {model: self.note(model, heading) for heading, model in models.items()}
        cells, found = table.cells.copy(), dict[str, None]()
        compared = "ours" in cells.columns.get_level_values(-1)
        for (place, column), (row, heading) in product(enumerate(cells.columns), enumerate(cells.index)):
            levels = [heading, *(column if isinstance(column, tuple) else [column])]
            note = next((notes[models[level]] for level in [*levels, ""] if level in models), "")
            asked = (not compared or levels[-1] == "ours") and (not under or any(level in under for level in levels))
            text: Any = cells.iat[row, place]
            if note and asked and any(character.isdigit() for character in text):
                marked = f"{text} {MARK}"
                cells.iat[row, place] = text.with_text(marked) if isinstance(text, Estimated) else marked
                found[note] = None
        if not found:
            return table
        data = table.data
        if "model" in data:
            failed = {str(model): "; ".join(self.failures(str(model))) for model in data["model"].unique()}
            data = data.assign(failed_checks=data["model"].map(failed))
        return replace(table, cells=cells, data=data, notes=(*found, *table.notes))

    def beside(self, judgement: Judgement, under: Collection[str]) -> Judgement:
        """The same with notes on models that have failed a check, where images are counted under some conditions."""
        findings = []
        for finding in judgement.findings:
            keys = finding.part.expression.keys
            models = dict.fromkeys(
                model for metric, model, condition in keys if metric not in CONFIDENCE and condition in under
            )
            notes = tuple(note for model in models if (note := self.note(model)))
            findings.append(replace(finding, notes=notes))
        return replace(judgement, findings=tuple(findings))

    def note(self, model: str, title: str = "") -> str:
        """What a note says of a model's failed checks; empty where there is none."""
        failures = self.failures(model)
        if not failures:
            return ""
        rows = self._of(model).query("outcome == @Outcome.FAILED.value")
        means = rows.dropna(subset=["value"]).groupby("measured", sort=False)["value"].mean()
        measured = ", ".join(f"{name} {mean:.3g}" for name, mean in means.items() if name != "missed")
        each = set(failures.values())
        listed = ", ".join(failures) if len(each) == 1 else ", ".join(f"{name} ({n})" for name, n in failures.items())
        count = f" (each in {each.pop()} replicates)" if len(each) == 1 else " replicates"
        why = measured.replace(", accuracy, ", ", ") or str(rows["reason"].iloc[0])
        return (
            f"{MARK} {title or model} is not as robust as this says. Gradient checks that it fails: {listed}{count}; "
            f"mean over these, {why}."
        )

    @property
    def _margin(self) -> float:
        return float(self.rows["margin"].dropna().max())


def _title(model: str, names: Mapping[str, str]) -> str:
    """A model's name; that of a variant with the variant."""
    base, _, variant = model.partition("/")
    return names.get(model, f"{names.get(base, base)}, {variant}" if variant else names.get(base, base))


def _counted(outcomes: pd.Series) -> str:
    """The outcomes of a check over replicates."""
    counts = outcomes.value_counts()
    run = len(outcomes) - int(counts.get(Outcome.NOT_RUN.value, 0))
    if not run:
        return Outcome.NOT_RUN.value
    text = f"{counts.get(Outcome.PASSED.value, 0)} of {run}"
    more = [f"{counts[one.value]} {one.value}" for one in (Outcome.FAILED, Outcome.OPEN) if one.value in counts]
    return f"{text} ({', '.join(more)})" if more else text
