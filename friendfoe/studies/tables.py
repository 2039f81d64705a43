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
    """A table.

    Args:
        name: of its files.
        caption: what it shows.
        corner: heading of the row headings.
        rows: the row headings.
        cells: column heading (of one or two levels) -> text per row.
        data: the numbers.
        notes: below it.
    """
    return Table(name, caption, pd.DataFrame(cells, index=pd.Index(list(rows), name=corner)), data, notes)


def class_table(
    estimates: pd.DataFrame, models: Mapping[str, str], conditions: Mapping[str, str], classes: list[str], *notes: str
) -> Table:
    """A row per class; under each condition a column per model.

    Args:
        estimates: `accuracy_estimates(evaluations, "class")`.
        models: model -> column heading.
        conditions: condition -> heading above the models.
        classes: in the order of the rows.
        notes: below the table.
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
    """Accuracy before and after rounding, where a replicate differs.

    Args:
        evaluations: class-wise counts (`Results.evaluations`).
        models: model -> name, in the order of the rows.
        conditions: condition -> name, likewise.
        notes: below the table.
    """
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
