"""Class-wise accuracy as estimates and as a table."""

from collections.abc import Mapping

import pandas as pd

from friendfoe.evaluation.intervals import wilson
from friendfoe.report.tables import Table, estimate
from friendfoe.studies.estimates import accuracies, over_replicates


def class_estimates(evaluations: pd.DataFrame) -> pd.DataFrame:
    """mean, low, high, replicates, n (images of a replicate) and its Wilson interval at the mean (wilson_low, wilson_high).

    Indexed by model, condition and class.
    """
    estimates = over_replicates(accuracies(evaluations, "class"))
    rows = evaluations[evaluations["pixels"] == "uint8"]
    estimates["n"] = rows.groupby(["model", "condition", "class"], sort=False)["n"].first()
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
        (title, label): [estimate(*estimates.loc[(model, condition, of), ["mean", "low", "high"]]) for of in classes]
        for condition, title in conditions.items()
        for model, label in models.items()
    }
    frame = pd.DataFrame(cells, index=pd.Index(classes, name="class"))
    return Table(name, "Accuracy class by class", frame, estimates.reset_index(), notes)
