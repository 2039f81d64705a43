"""Tables of all studies: how they are put together, accuracy class by class, and what rounding to 8 bits does to it."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.estimates import accuracies, cell, over_replicates, wilson_note

_PIXELS = {"float": "as crafted (float)", "uint8": "as saved (8 bits)", "difference": "difference"}

Cells = Mapping[str, Sequence[str]] | Mapping[tuple[str, str], Sequence[str]]


def sheet(
    name: str, caption: str, corner: str, rows: Iterable[str], cells: Cells, data: pd.DataFrame, *notes: str
) -> Table:
    """A table: `cells` holds the text of every column by its heading (of one or two levels), `data` the numbers.

    `name` is that of its files; `rows` are the row headings, above which `corner` stands; the notes stand below.
    """
    return Table(name, caption, pd.DataFrame(cells, index=pd.Index(list(rows), name=corner)), data, notes)


def class_table(
    estimates: pd.DataFrame, models: Mapping[str, str], conditions: Mapping[str, str], classes: list[str], *notes: str
) -> Table:
    """A row per class; under each condition a column per model, both with their headings.

    `estimates` are `accuracy_estimates(evaluations, "class")`.
    """
    cells = {
        (title, label): [cell(estimates, model, condition, one) for one in classes]
        for condition, title in conditions.items()
        for model, label in models.items()
    }
    numbers = estimates.loc[(list(models), list(conditions)), :].reset_index()
    return sheet("classes", "Accuracy class by class", "class", classes, cells, numbers, wilson_note(numbers), *notes)


def rounding_table(
    evaluations: pd.DataFrame, models: Mapping[str, str], conditions: Mapping[str, str], *notes: str
) -> Table:
    """Accuracy (of `Results.evaluations`) before and after rounding, a row wherever a replicate differs."""
    both = pd.DataFrame({pixels: accuracies(evaluations, pixels=pixels) for pixels in ("float", "uint8")}).dropna()
    both["difference"] = both["uint8"] - both["float"]
    differs = both["difference"].ne(0).groupby(level=["model", "condition"]).transform("any")
    estimates = pd.concat({name: over_replicates(both.loc[differs, name]) for name in _PIXELS}, names=["pixels"])
    keys = [key for key in product(models, conditions) if ("difference", *key) in estimates.index]
    cells = {title: [cell(estimates, name, *key, digits=4) for key in keys] for name, title in _PIXELS.items()}
    headings = [f"{models[model]}: {conditions[condition]}" for model, condition in keys]
    rest = "Everywhere else the two agree in every replicate." if keys else "Rounding changes no accuracy anywhere."
    caption = "Accuracy before and after rounding to 8 bits"
    return sheet("rounding", caption, "model: input images", headings, cells, estimates.reset_index(), rest, *notes)
