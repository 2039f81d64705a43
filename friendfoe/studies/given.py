"""Models that were trained elsewhere, beside those of a study: what they are, and all that was measured of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from friendfoe.evaluation.sample import Estimate
from friendfoe.report.tables import Table, estimate
from friendfoe.studies.budget import network
from friendfoe.studies.estimates import cell
from friendfoe.studies.evidence import Evidence, frame
from friendfoe.studies.tables import INTERVALS, table
from friendfoe.training.job import REPLICATE

ONE = (
    "A model with a single file is a single network, whatever the number of replicates: its intervals reflect the "
    "images alone, and no verdict rests on it."
)
WEAKEST = (
    "Weakest: the class with the lowest share of right answers, with its interval; among many classes one is also low "
    "by chance."
)


def described(name: str, file: str, facts: Mapping[str, Any]) -> str:
    """What a given model is, in a sentence."""
    known = facts["models"].get(name)
    what = f"{network(known)}, " if known else ""
    count = "a file for each replicate" if REPLICATE in file else "one for all replicates"
    digest = f", SHA-256 {known['provenance']['sha256'][:12]}…" if known and "sha256" in known["provenance"] else ""
    return (
        f"{what}with the weights of {file} ({count}{digest}); it was not trained here."
        if file
        else (f"{what}which brings its own weights; it was not trained here.")
    )


def given_table(
    evidence: Evidence, models: Iterable[str], metrics: Mapping[str, str], titles: Mapping[str, str]
) -> Table:
    """A row per model and condition: every metric with its interval, and of shares of images the weakest class.

    `titles`: conditions in their order, and what they are called; where there are none, all that was measured.
    """
    names = [*models]
    found = [key for key in evidence.keys() if key[1] in names and key[0] in metrics]  # noqa: SIM118 (it is no mapping)
    order = [*titles] or list(dict.fromkeys(condition for _, _, condition in found))
    keys = [key for key in found if key[2] in order]
    rows = [(model, name) for model in names for name in order if any(key[1:] == (model, name) for key in keys)]
    estimates = frame({key: evidence(*key).estimate() for key in keys}, ["metric", "model", "condition"])
    cells = {title: [cell(estimates, metric, *row) for row in rows] for metric, title in metrics.items()}
    first = next(iter(metrics))
    if evidence.classes:
        cells["weakest class"] = [_weakest(evidence, first, *row) for row in rows]
    headings = [f"{model}: {titles.get(condition, condition)}" for model, condition in rows]
    data = estimates.reset_index()
    return table("model: images", headings, cells, data, INTERVALS, ONE, *([WEAKEST] * bool(evidence.classes)))


def _weakest(evidence: Evidence, metric: str, model: str, condition: str) -> str:
    """The class with the lowest share of right answers, or the highest of wrong ones."""
    if (metric, model, condition) not in evidence.outcomes or not evidence(metric, model, condition).share:
        return "–"
    classes: dict[str, Estimate] = {
        name: one.estimate() for name, one in evidence.of_classes(metric, model, condition).items()
    }
    sign = -1 if metric == "error" else 1
    name = min(classes, key=lambda each: sign * classes[each].mean)
    return f"{name}: {estimate(classes[name].mean, classes[name].low, classes[name].high)}"
