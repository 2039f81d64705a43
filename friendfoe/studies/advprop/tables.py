"""The tables of the study, ours and the published ones."""

from collections.abc import Mapping, Sequence

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.advprop.names import ATTACKERS, METHODS
from friendfoe.studies.estimates import cell
from friendfoe.studies.tables import sheet

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
        size: [cell(estimates, metric, method, size, digits=3 if metric == "accuracy" else 1) for method in METHODS]
        for size in sizes
    }
    return sheet(name, caption, "trained by", METHODS.values(), cells, estimates.loc[[metric]].reset_index(), *notes)


def published(name: str, rows: pd.DataFrame) -> Table:
    """One of the source's tables: methods down, what they were asked across."""
    sets, single = rows["data"].nunique() > 1, rows["data"] + ", " + rows["metric"]
    columns = single if sets else rows["condition"]
    texts = {
        (column, row.model): f"{row.value:.1f}" if row.metric == "mce" else f"{row.value:.3f}"
        for column, row in zip(columns, rows.itertuples(), strict=True)
    }
    methods = [method for method in METHODS if method in set(rows["model"])]
    cells = {column: [texts.get((column, method), "–") for method in methods] for column in columns.unique()}
    titles = [METHODS[method] for method in methods]
    return sheet(f"published-{name}", PUBLISHED[rows["table"].iloc[0]], "trained by", titles, cells, rows)


def corruptions(estimates: pd.DataFrame, *notes: str) -> Table:
    """CE under every corruption, mean over sizes."""
    names = list(dict.fromkeys(estimates.index.get_level_values("corruption")))
    cells = {title: [cell(estimates, method, name, digits=1) for name in names] for method, title in METHODS.items()}
    caption, titles = "Corruption error, mean over sizes", [name.replace("_", " ") for name in names]
    return sheet("corruptions", caption, "corruption", titles, cells, estimates.reset_index(), *notes)


def attackers(estimates: pd.DataFrame, strengths: Mapping[str, Mapping[str, float]], *notes: str) -> Table:
    """AdvProp against attackers of other strength; `strengths`: name -> eps and steps."""
    names = sorted(strengths, key=lambda name: (strengths[name]["eps"], strengths[name]["steps"]))
    variants = [name.removeprefix(f"{ATTACKERS}/") for name in names]
    cells = {
        "steps": [f"{strengths[name]['steps']:g}" for name in names],
        "accuracy": [cell(estimates, "accuracy", ATTACKERS, variant) for variant in variants],
        "mCE": [cell(estimates, "mce", ATTACKERS, variant, digits=1) for variant in variants],
    }
    numbers = estimates.loc[(slice(None), [ATTACKERS]), :].reset_index()
    settings = pd.DataFrame(
        [{"variant": variant, **strengths[name]} for name, variant in zip(names, variants, strict=True)]
    )
    caption = "AdvProp against attackers of other strength, at one size"
    sizes = [f"{strengths[name]['eps']:.4g}" for name in names]
    return sheet("attackers", caption, "attacker's eps", sizes, cells, numbers.merge(settings), *notes)
