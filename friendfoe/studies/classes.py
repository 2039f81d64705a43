"""Class-wise accuracy as estimates and as a table."""

from collections.abc import Mapping

import pandas as pd

from friendfoe.evaluation.intervals import wilson
from friendfoe.report.tables import Table
from friendfoe.studies.estimates import accuracies, over_replicates, shown


def class_estimates(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Class-wise accuracy over replicates, and how well the images of one replicate determine it.

    Returns:
        mean, low, high, replicates; n, the images of a replicate; and the Wilson interval of so many at the mean,
        wilson_low and wilson_high. Indexed by model, condition and class.
    """
    estimates = over_replicates(accuracies(evaluations, "class"))
    rows = evaluations[evaluations["pixels"] == "uint8"]
    estimates["n"] = rows.groupby(["model", "condition", "class"])["n"].first()
    low, high = wilson(estimates["mean"] * estimates["n"], estimates["n"])
    return estimates.assign(wilson_low=low, wilson_high=high)


def class_table(
    name: str,
    estimates: pd.DataFrame,
    models: Mapping[str, str],
    conditions: Mapping[str, str],
    classes: list[str],
    notes: tuple[str, ...] = (),
) -> Table:
    """A row per class; under each condition a column per model. The CSV holds the Wilson intervals, too."""
    cells = {
        (title, label): [shown(estimates, model, condition, of) for of in classes]
        for condition, title in conditions.items()
        for model, label in models.items()
    }
    frame = pd.DataFrame(cells, index=pd.Index(classes, name="class"))
    return Table(name, "Accuracy class by class", frame, estimates.reset_index(), notes)
