"""Accuracy class by class, as a table."""

from collections.abc import Mapping

import pandas as pd

from friendfoe.report.tables import Table
from friendfoe.studies.estimates import shown, wilson_note


def class_table(
    name: str,
    estimates: pd.DataFrame,
    models: Mapping[str, str],
    conditions: Mapping[str, str],
    classes: list[str],
    notes: tuple[str, ...] = (),
) -> Table:
    """A row per class; under each condition a column per model.

    Args:
        name: of the table's files.
        estimates: `accuracy_estimates(evaluations, "class")`.
        models: model -> column heading.
        conditions: condition -> heading above the models.
        classes: in the order of the rows.
        notes: below the table.
    """
    cells = {
        (title, label): [shown(estimates, model, condition, of) for of in classes]
        for condition, title in conditions.items()
        for model, label in models.items()
    }
    frame = pd.DataFrame(cells, index=pd.Index(classes, name="class"))
    numbers = estimates.loc[(list(models), list(conditions)), :].reset_index()
    return Table(name, "Accuracy class by class", frame, numbers, (wilson_note(numbers), *notes))
