"""The tables of the study: ours, with the published numbers beside them."""

from typing import Any

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.comparison import GREY
from friendfoe.studies.distillation.names import CONDITIONS, HOTTEST, JSMA, UNDISTILLED, label
from friendfoe.studies.estimates import shown
from friendfoe.studies.published import heading

PAPER = {  # what the paper's own table has
    ("success", "jsma"): "JSMA: success",
    ("robustness", "jsma"): "JSMA: robustness, share of features",
    ("accuracy", "clean"): "accuracy on clean images",
}
ROBUSTNESS = (
    "Robustness is the mean over images of the least share of features that takes them to any target, the whole budget "
    "where none is reached."
)


def resilience(estimates: pd.DataFrame, theirs: pd.DataFrame, data: str, notes: tuple[str, ...]) -> Table:
    """The paper's main table: the undistilled network and the one distilled at the highest temperature."""
    cells: dict[tuple[str, str], list[str]] = {}
    muted = set()
    for model in (UNDISTILLED, HOTTEST):
        cells[label(model), "ours"] = [shown(estimates, metric, model, of) for metric, of in PAPER]
        beside = [published(theirs, metric, model, of) for metric, of in PAPER]
        cells[label(model), heading(theirs["data"].iloc[0], data)] = [text for text, _ in beside]
        muted |= {(row, len(cells) - 1) for row, (_, verified) in enumerate(beside) if not verified}
    frame = pd.DataFrame(cells, index=pd.Index(PAPER.values(), name="measure"))
    numbers = numbers_of(estimates, [metric for metric, _ in PAPER], [UNDISTILLED, HOTTEST], theirs)
    caption = "What distillation seems to do: JSMA on the softmax, as the paper has it"
    return Table("resilience", caption, frame, numbers, (ROBUSTNESS, GREY, *notes), frozenset(muted))


def temperatures(
    estimates: pd.DataFrame, theirs: pd.DataFrame, data: str, models: list[str], notes: tuple[str, ...]
) -> Table:
    """Accuracy, and success of JSMA by what it differentiates, against the temperature."""
    figure = theirs[theirs["table"] != "success by temperature, text"]
    text = theirs[theirs["table"] == "success by temperature, text"]
    source = heading(theirs["data"].iloc[0], data)
    cells: dict[tuple[str, str], list[str]] = {}
    cells["accuracy", "ours"] = [shown(estimates, "accuracy", model, "clean") for model in models]
    cells["success of JSMA on the softmax", "ours"] = [shown(estimates, "success", model, "jsma") for model in models]
    for title, rows in ((source, figure), ("recalled", text)):
        beside = [published(rows, "success", model, "jsma")[0] for model in models]
        cells["success of JSMA on the softmax", title] = beside
    recalled = {(row, len(cells) - 1) for row in range(len(models))}
    for kind in list(JSMA)[1:]:
        cells["success of JSMA on other outputs", JSMA[kind]] = [
            shown(estimates, "success", model, kind) for model in models
        ]
    frame = pd.DataFrame(cells, index=index(models))
    numbers = numbers_of(estimates, ["accuracy", "success", "features"], models, theirs)
    about = (
        "The published column is digitised from the paper's figure, ± 0.003; undistilled: from its table.",
        "JSMA on logits as they are is run on the undistilled network and at T = 100 alone.",
    )
    caption = "Accuracy and success of JSMA by temperature"
    return Table("temperatures", caption, frame, numbers, (*about, GREY, *notes), frozenset(recalled))


def queries(estimates: pd.DataFrame, models: list[str], notes: tuple[str, ...]) -> Table:
    """What an attack of JSMA changes and costs."""
    cells = {
        (JSMA[kind], title): [shown(estimates, metric, model, kind, digits=digits) for model in models]
        for kind in JSMA
        for metric, title, digits in (("features", "features", 3), ("forward", "queries", 1))
    }
    frame = pd.DataFrame(cells, index=index(models))
    numbers = numbers_of(estimates, ["features", "forward", "backward"], models)
    about = (
        "Features: mean share that an attack changes, the whole budget where it fails.",
        "Queries: forward passes per attack, each with a backward pass.",
    )
    return Table("queries", "Features changed and queries per attack of JSMA", frame, numbers, (*about, *notes))


def attacks(estimates: pd.DataFrame, models: list[str], notes: tuple[str, ...]) -> Table:
    """Accuracy of every network under the attacks that break it."""
    cells = {title: [shown(estimates, "robust", model, name) for model in models] for name, title in CONDITIONS.items()}
    frame = pd.DataFrame(cells, index=index(models))
    caption = "Accuracy under attack (what is stored, 8 bits): the naive attack, and attacks that break the defence"
    return Table("attacks", caption, frame, numbers_of(estimates, ["robust"], models), notes)


def published(rows: pd.DataFrame, metric: str, model: str, of: str, digits: int = 4) -> tuple[str, bool]:
    """A published number as text, in brackets where it is not verified; and whether it is."""
    found = rows[(rows["metric"] == metric) & (rows["model"] == model) & (rows["condition"] == of)]
    if found.empty:
        return "–", True
    row: Any = next(found.itertuples())
    text = f"{row.value:.{digits}f}"
    return (text, True) if row.verified else (f"({text})", False)


def numbers_of(
    estimates: pd.DataFrame, metrics: list[str], models: list[str], theirs: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The estimates of some measures and models, with the published numbers and their citations."""
    rows = estimates.loc[(metrics, models), :].reset_index()
    if theirs is None:
        return rows
    first = theirs.drop_duplicates(["metric", "model", "condition"])
    columns = ["metric", "model", "condition", "value", "verified", "citation"]
    return rows.merge(first[columns].rename(columns={"value": "published"}), how="left")


def index(models: list[str]) -> pd.Index:
    """Row headings."""
    return pd.Index([label(model) for model in models], name="network")
