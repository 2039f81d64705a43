"""The tables of attacks: ours, with the published numbers beside them."""

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.distillation.names import CONDITIONS, ENDS, JSMA, label
from friendfoe.studies.distillation.page import DistillationPage, labels
from friendfoe.studies.tables import GREY, Comparison, sheet

PAPER = {  # what the paper's own table has
    ("success", "jsma"): "JSMA: success",
    ("robustness", "jsma"): "JSMA: robustness, share of features",
    ("accuracy", "clean"): "accuracy on clean images",
}
ROBUSTNESS = (
    "Robustness is the mean over images of the least share of features that takes them to any target, the whole budget "
    "where none is reached."
)
_RECALLED = "success by temperature, text"  # a table of published.csv


def resilience(page: DistillationPage) -> Table:
    """The paper's main table: the undistilled network and the one distilled at the highest temperature."""
    comparison = Comparison(page.estimates, {page.source: page.published})
    for model in ENDS:
        comparison.add(label(model), [(metric, model, condition) for metric, condition in PAPER])
    caption = "What distillation seems to do: JSMA on the softmax, as the paper has it"
    data = page.data([metric for metric, _ in PAPER], ENDS, published=True)
    return comparison.sheet("resilience", caption, "measure", PAPER.values(), data, ROBUSTNESS, GREY, page.protocol)


def temperatures(page: DistillationPage) -> Table:
    """Accuracy, and success of JSMA by what it differentiates, against the temperature."""
    rows, models = page.published, page.models
    success, recalled = rows["metric"] == "success", rows["table"] == _RECALLED
    sources = {page.source: rows[success & ~recalled], "recalled": rows[success & recalled]}
    comparison = Comparison(page.estimates, sources)
    comparison.add("accuracy", [("accuracy", model, "clean") for model in models])
    comparison.add("success of JSMA on the softmax", [("success", model, "jsma") for model in models])
    for kind in list(JSMA)[1:]:
        comparison.cells["success of JSMA on other outputs", JSMA[kind]] = page.column("success", kind, models)
    return comparison.sheet(
        "temperatures",
        "Accuracy and success of JSMA by temperature",
        "network",
        labels(models),
        page.data(["accuracy", "success", "features"], models, published=True),
        "The published column is digitised from the paper's figure, ± 0.003; undistilled: from its table.",
        "JSMA on logits as they are is run on the undistilled network and at T = 100 alone.",
        GREY,
        page.protocol,
    )


def queries(page: DistillationPage) -> Table:
    """What an attack of JSMA changes and costs."""
    cells = {
        (JSMA[kind], title): page.column(metric, kind, page.models, digits)
        for kind in JSMA
        for metric, title, digits in (("features", "features", 3), ("forward", "queries", 1))
    }
    return sheet(
        "queries",
        "Features changed and queries per attack of JSMA",
        "network",
        labels(page.models),
        cells,
        page.data(["features", "forward", "backward"], page.models),
        "Features: mean share that an attack changes, the whole budget where it fails.",
        "Queries: forward passes per attack, each with a backward pass.",
        page.protocol,
    )


def attacks(page: DistillationPage, about: str) -> Table:
    """Accuracy of every network under the attacks that break it."""
    models = page.models
    cells = {title: page.column("robust", name, models) for name, title in CONDITIONS.items()}
    caption = "Accuracy under attack (what is stored, 8 bits): the naive attack, and attacks that break the defence"
    return sheet("attacks", caption, "network", labels(models), cells, page.data(["robust"], models), about)


def masking_checks(checks: dict[str, pd.DataFrame], about: str) -> Table:
    """Which gradient-masking checks (`Results.masking_checks` of every model) are passed, in how many replicates."""
    cells = {}
    for model, rows in checks.items():
        passed = rows.drop_duplicates(["replicate", "check"]).groupby("check", sort=False)["passed"]
        cells[label(model)] = [f"{sum(replicates)} of {len(replicates)}" for _, replicates in passed]
    questions = next(iter(checks.values())).drop_duplicates("check")["question"]
    data = pd.concat([rows.assign(model=model) for model, rows in checks.items()])
    caption = "Gradient-masking checks passed: is the robustness real?"
    return sheet("gradient-masking", caption, "check", questions, cells, data, about)
