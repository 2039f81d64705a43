"""The tables of the study, ours and the published ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.advprop.names import ATTACKERS, METHODS
from friendfoe.studies.estimates import shown

PUBLISHED = {  # table of published.csv -> caption
    "EfficientNet": "Published: top-1 accuracy of EfficientNets on ImageNet",
    "same attacker": "Published: what separate batch norms add to the accuracy, with the same attacker for both",
    "ResNet": "Published: top-1 accuracy of ResNets on ImageNet",
    "fine-tuning": "Published: training on adversarial images alone, then on clean ones, on ImageNet",
    "robustness of EfficientNet-B7": "Published: EfficientNet-B7 on harder images",
}


def by_size(name: str, metric: str, caption: str, estimates: pd.DataFrame, sizes: Sequence[str], *notes: str) -> Table:
    """A measure of all methods at all sizes, and its mean over them."""
    cells = {
        size: [shown(estimates, metric, method, size, digits=3 if metric == "accuracy" else 1) for method in METHODS]
        for size in sizes
    }
    frame = pd.DataFrame(cells, index=pd.Index(METHODS.values(), name="trained by"))
    return Table(name, caption, frame, estimates.loc[[metric]].reset_index(), notes)


def published(name: str, rows: pd.DataFrame, *notes: str) -> Table:
    """One of the source's tables: methods down, what they were asked across."""
    sets, single = rows["data"].nunique() > 1, rows["data"] + ", " + rows["metric"]
    rows = rows.assign(column=single if sets else rows["condition"])
    columns = list(dict.fromkeys(rows["column"]))
    methods = [method for method in METHODS if method in set(rows["model"])]
    value = rows.set_index(["column", "model"])
    cells = {
        column: [
            _number(value.loc[[(column, method)]]) if (column, method) in value.index else "–" for method in methods
        ]
        for column in columns
    }
    frame = pd.DataFrame(cells, index=pd.Index([METHODS[method] for method in methods], name="trained by"))
    return Table(f"published-{name}", PUBLISHED[rows["table"].iloc[0]], frame, rows.drop(columns="column"), notes)


def _number(rows: pd.DataFrame) -> str:
    row: Any = next(rows.itertuples())
    return f"{row.value:.1f}" if row.metric == "mce" else f"{row.value:.3f}"


def corruptions(estimates: pd.DataFrame, *notes: str) -> Table:
    """CE under every corruption, mean over sizes."""
    names = list(dict.fromkeys(estimates.index.get_level_values("corruption")))
    cells = {title: [shown(estimates, method, name, digits=1) for name in names] for method, title in METHODS.items()}
    frame = pd.DataFrame(cells, index=pd.Index([name.replace("_", " ") for name in names], name="corruption"))
    return Table("corruptions", "Corruption error, mean over sizes", frame, estimates.reset_index(), notes)


def attackers(estimates: pd.DataFrame, of: Mapping[str, Mapping[str, float]], *notes: str) -> Table:
    """AdvProp against attackers of other strength."""
    names = sorted(of, key=lambda name: (of[name]["eps"], of[name]["steps"]))
    rows = []
    for name in names:
        variant = name.removeprefix(f"{ATTACKERS}/")
        rows.append(
            {
                "attacker's eps": f"{of[name]['eps']:.4g}",
                "steps": f"{of[name]['steps']:g}",
                "accuracy": shown(estimates, "accuracy", ATTACKERS, variant),
                "mCE": shown(estimates, "mce", ATTACKERS, variant, digits=1),
            }
        )
    frame = pd.DataFrame(rows).set_index("attacker's eps")
    numbers = estimates.loc[(slice(None), [ATTACKERS]), :].reset_index()
    settings = pd.DataFrame([{"variant": name.removeprefix(f"{ATTACKERS}/"), **of[name]} for name in names])
    caption = "AdvProp against attackers of other strength, at one size"
    return Table("attackers", caption, frame, numbers.merge(settings), notes)
