"""The tables of attacks: ours, with the published numbers beside them."""

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.distillation.evidence import CHOSEN
from friendfoe.studies.distillation.names import (
    CONDITIONS,
    ENDS,
    HALVES,
    JSMA,
    LEARNERS,
    SURROGATE,
    UNDISTILLED,
    confidence,
    label,
)
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.estimates import cell
from friendfoe.studies.page import Page
from friendfoe.studies.published import published
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


def published_numbers(data: str) -> pd.DataFrame:
    """Published numbers of a data set or, where there are none, of MNIST."""
    rows = published("distillation")
    same = rows["data"].str.lower().str.replace("-", "") == data
    return rows[same if same.any() else rows["data"] == "MNIST"]


def protocol(page: Page[Settings]) -> str:
    """What JSMA does here."""
    settings = page.study.settings.jsma
    images = len(page.evidence.outcomes["success", page.models[0], "jsma"].samples)
    return (
        f"JSMA drives {images} test images to {settings.targets} wrong classes each and may set "
        f"{settings.features:.2%} of the features to 1; images that a network gets wrong as they are do not count."
    )


def resilience(page: Page[Settings]) -> Table:
    """The paper's main table: the undistilled network and the one distilled at the highest temperature."""
    comparison = Comparison(page.estimates, {page.source: page.published})
    for model in ENDS:
        comparison.add(label(model), [(metric, model, condition) for metric, condition in PAPER])
    caption = "What distillation seems to do: JSMA on the softmax, as the paper has it"
    data = page.data([metric for metric, _ in PAPER], ENDS, published=True)
    best = (
        "The temperature at which JSMA succeeds least is chosen on half of the images; on the others it then succeeds "
        f"with {cell(page.estimates, 'success', CHOSEN, 'jsma')}."
    )
    notes = (ROBUSTNESS, best, GREY, protocol(page))
    return comparison.sheet("resilience", caption, "measure", PAPER.values(), data, *notes)


def temperatures(page: Page[Settings]) -> Table:
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
        map(label, models),
        page.data(["accuracy", "success", "features"], models, published=True),
        "The published column is digitised from the paper's figure, ± 0.003; undistilled: from its table.",
        "JSMA on logits as they are is run on the undistilled network and at T = 100 alone.",
        GREY,
        protocol(page),
    )


def queries(page: Page[Settings]) -> Table:
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
        map(label, page.models),
        cells,
        page.data(["features", "forward", "backward"], page.models),
        "Features: mean share that an attack changes, the whole budget where it fails.",
        "Queries: forward passes per attack, each with a backward pass.",
        protocol(page),
    )


def attacks(page: Page[Settings], about: str) -> Table:
    """Accuracy of every network under the attacks that break it."""
    rows = {model: label(model) for model in page.models} | {CHOSEN: "the best T, chosen on other images"}
    titles = {**CONDITIONS, "worst": "worst case"}
    cells = {title: page.column("accuracy-crafted", name, rows) for name, title in titles.items()}
    caption = "Accuracy under attack (images as crafted): the naive attack, and attacks that break the defence"
    data = page.data(["accuracy-crafted", "accuracy"], rows)
    return sheet("attacks", caption, "network", rows.values(), cells, data, about)


def confidences(page: Page[Settings], about: str) -> Table:
    """Which images fool a network that were crafted on another until the wrong class led."""
    leads = page.study.settings.transfer.confidences
    rows = {SURROGATE: "the network that they are crafted on: distance"}
    rows |= {model: label(model) for model in page.models}
    cells = {
        f"lead {lead:g}": [
            *page.column("distance", confidence(lead), [SURROGATE]),
            *page.column("transferred", confidence(lead), page.models),
        ]
        for lead in leads
    }
    caption = "Share of transferred images that fool a network, by the lead of the wrong class (CW-L2)"
    data = page.data(["transferred"], page.models)
    return sheet("confidences", caption, "network", rows.values(), cells, data, about)


def others(page: Page[Settings], about: str) -> Table:
    """Errors of learners, deep or not, on images that were crafted on another network."""
    rows = {UNDISTILLED: "undistilled network, other initial weights", **LEARNERS, **HALVES}
    conditions = {
        "clean": "as they are",
        "borrowed": "with the change of another image",
        "transferred": "with their own change",
    }
    cells = {title: page.column("error", name, rows) for name, title in conditions.items()}
    cells["same wrong class, where both err"] = page.column("alike", "transferred", rows)
    caption = "Errors on images that were crafted on another network: not of the deep ones alone"
    return sheet("others", caption, "learner", rows.values(), cells, page.data(["error", "alike"], rows), about)
