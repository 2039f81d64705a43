"""The tables of the study: ours, with the published numbers beside them."""

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.distillation.evidence import CHOSEN
from friendfoe.studies.distillation.names import (
    CONDITIONS,
    ENDS,
    HALVES,
    JSMA,
    LEARNERS,
    NORMS,
    SURROGATE,
    UNDISTILLED,
    confidence,
    label,
    retrained,
)
from friendfoe.studies.distillation.settings import Settings
from friendfoe.studies.evidence import Evidence
from friendfoe.studies.page import Page
from friendfoe.studies.published import published
from friendfoe.studies.tables import Comparison, table

PAPER = {  # what the paper's own table has
    ("success", "jsma"): "JSMA: success",
    ("robustness", "jsma"): "JSMA: robustness, share of features",
    ("accuracy", "clean"): "accuracy on clean images",
}
BINS = (-324, -45, -30, -20, -10, -5, -3)  # decimal exponents; at the first two float64 and float32 end
_RECALLED = "success by temperature, text"  # a table of published.csv


def published_numbers(data: str) -> pd.DataFrame:
    """Published numbers of a data set or, where there are none, of MNIST."""
    rows = published("distillation")
    same = rows["data"].str.lower().str.replace("-", "") == data
    return rows[same if same.any() else rows["data"] == "MNIST"]


def resilience(page: Page[Settings]) -> Table:
    """The paper's main table: the undistilled network and the one distilled at the highest temperature."""
    comparison = Comparison(page.estimates, {page.source: page.published})
    for model in ENDS:
        comparison.add(label(model), [(metric, model, condition) for metric, condition in PAPER])
    data = page.data([metric for metric, _ in PAPER], ENDS, published=True)
    return comparison.table("measure", PAPER.values(), data)


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
    data = page.data(["accuracy", "success", "features"], models, published=True)
    return comparison.table("network", map(label, models), data)


def queries(page: Page[Settings]) -> Table:
    """What an attack of JSMA changes and costs."""
    cells = {
        (JSMA[kind], title): page.column(metric, kind, page.models, digits)
        for kind in JSMA
        for metric, title, digits in (("features", "features", 3), ("forward", "queries", 1))
    }
    data = page.data(["features", "forward", "backward"], page.models)
    return table("network", map(label, page.models), cells, data)


def attacks(page: Page[Settings]) -> Table:
    """Accuracy of every network under the attacks that break it."""
    rows = {model: label(model) for model in page.models} | {CHOSEN: "the best T, chosen on other images"}
    titles = {**CONDITIONS, "worst": "worst case"}
    cells = {title: page.column("accuracy-crafted", name, rows) for name, title in titles.items()}
    return table("network", rows.values(), cells, page.data(["accuracy-crafted", "accuracy"], rows))


def confidences(page: Page[Settings], leads: Sequence[float]) -> Table:
    """Which images fool a network that were crafted on another until the wrong class led."""
    cells = {
        f"lead {lead:g}": [
            *page.column("distance", confidence(lead), [SURROGATE]),
            *page.column("transferred", confidence(lead), page.models),
        ]
        for lead in leads
    }
    rows = ["the network that they are crafted on: distance", *map(label, page.models)]
    return table("network", rows, cells, page.data(["transferred"], page.models))


def gradients(page: Page[Settings], shares: pd.DataFrame) -> Table:
    """How large the gradients of the softmax are."""
    models = page.models
    cells = {
        "mean of log10": page.column("log10", "gradient", models, 1),
        "zero in float32": page.column("vanished", "gradient", models),
        "median of the rest": page.column("median", "gradient", models, 1),
    }
    cells |= {str(name): [f"{share:.3f}" for share in shares[name]] for name in shares.columns}
    data = page.data(["log10", "vanished", "median"], models).merge(shares.reset_index(), on="model")
    return table("network", map(label, models), cells, data)


def shares_of_gradients(evidence: Evidence, models: list[str]) -> pd.DataFrame:
    """`bin_shares` of the models' gradients."""
    logarithms = {model: evidence.outcomes["log10", model, "gradient"].values.ravel() for model in models}
    return bin_shares(pd.DataFrame(logarithms).melt(var_name="model", value_name="log10")).loc[models]


def bin_shares(gradients: pd.DataFrame) -> pd.DataFrame:
    """The share of images by amplitude of the gradient: a row per model, a column per bin, smallest first."""
    edges = [float("-inf"), *BINS, float("inf")]
    between = [f"1e{low} to 1e{high}" for low, high in pairwise(BINS)]
    names = [f"< 1e{BINS[0]}", *between, f"≥ 1e{BINS[-1]}"]
    bins = pd.cut(gradients["log10"], edges, labels=names, right=False)
    return pd.crosstab(gradients["model"], bins, normalize="index", dropna=False)


def distances(page: Page[Settings]) -> Table:
    """Size of the logits, and the least change that Carlini & Wagner's attacks need."""
    comparison = Comparison(page.estimates, {page.source: page.published})
    columns = [("logits", "clean", "mean absolute logit", 1)]
    for norm, title in NORMS.items():
        columns += [
            ("success", norm, f"CW-{title}: success", 3),
            ("distance", norm, f"CW-{title}: mean distance", 1 if norm == "cw-l0" else 3),
        ]
    for metric, condition, title, digits in columns:
        keys = [(metric, model, condition) for model in page.models]
        comparison.add(title, keys, digits=digits, published_digits=digits)
    data = page.data(["logits", "success", "distance"], page.models, published=True)
    return comparison.table("network", map(label, page.models), data)


def fooling(page: Page[Settings]) -> Table:
    """How much noise is taken for a class, before and after it is driven there, and after that was learned."""
    rows = {model: label(model) for model in ENDS}
    for number in range(1, page.study.settings.fooling.rounds + 1):
        rows[retrained(number)] = f"undistilled, trained again ({number})"
    cells = {
        "noise as it is": page.column("fooled", "noise", rows),
        "driven to a class": page.column("fooled", "driven", rows),
        "those before recognised": page.column("recognised", "driven", rows),
    }
    return table("network", rows.values(), cells, page.data(["fooled", "recognised"], rows))


def others(page: Page[Settings]) -> Table:
    """Errors of learners, deep or not, on images that were crafted on another network."""
    rows = {UNDISTILLED: "undistilled network, other initial weights", **LEARNERS, **HALVES}
    conditions = {
        "clean": "as they are",
        "borrowed": "with the change of another image",
        "transferred": "with their own change",
    }
    cells = {title: page.column("error", name, rows) for name, title in conditions.items()}
    cells["same wrong class, where both err"] = page.column("alike", "transferred", rows)
    return table("learner", rows.values(), cells, page.data(["error", "alike"], rows))
